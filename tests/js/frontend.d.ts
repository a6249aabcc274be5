/** What ComfyUI serves beside the pack, and the names of its types in this pack's JSDoc. No imports: all is global. */

type ComfyApp = import("@comfyorg/comfyui-frontend-types").ComfyApp;
type ComfyApi = import("@comfyorg/comfyui-frontend-types").ComfyApi;
type ComfyExtension = import("@comfyorg/comfyui-frontend-types").ComfyExtension;

type DomWidget = import("@comfyorg/comfyui-frontend-types").DOMWidget<HTMLElement, object | string>;
type DomWidgetOptions = import("@comfyorg/comfyui-frontend-types").DOMWidgetOptions<object | string>;

/** A node on the canvas. What is written out here the frontend adds to the published class. */
type GraphNode = Parameters<NonNullable<ComfyExtension["nodeCreated"]>>[0] & {
  subgraph?: Graph; // if it stands for one
  onExecuted?(output: any): void;
  addDOMWidget(name: string, type: string, element: HTMLElement, options?: DomWidgetOptions): DomWidget;
};
type Graph = ComfyApp["graph"];
type Link = NonNullable<ReturnType<Graph["getLink"]>>;
type Widget = NonNullable<GraphNode["widgets"]>[number];

declare const LiteGraph: {
  createNode(type: string): GraphNode | null;
  registered_node_types: Record<string, { title?: string }>;
};

declare module "*/scripts/app.js" {
  export const app: ComfyApp;
}

declare module "*/scripts/api.js" {
  export const api: ComfyApi;
}
