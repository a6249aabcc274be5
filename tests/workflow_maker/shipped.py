"""The workflows that ship with the pack, each a description that `drawing` lays out on the canvas."""

from __future__ import annotations

from dataclasses import dataclass

from nodes.flux import files
from nodes.recipes import RECIPES

from .drawing import Drawing, Node, Out

PROMPT = (
    "Create an image of a lighthouse keeper's cottage on a cliff at dusk, warm light in the windows, waves breaking "
    'below, a small wooden sign that reads "HARBOUR LIGHT", painted in soft watercolour.'
)
PICTURE = "example.png"  # comes with every ComfyUI
PREVIEW = (340, 380)  # px
DEV, SCHNELL = RECIPES["FLUX.1-dev"], RECIPES["FLUX.1-schnell"]
DRAWINGS: list[Drawing] = []


def drawing(name: str, title: str, about: str) -> Drawing:
    made = Drawing(name, title, about)
    DRAWINGS.append(made)
    return made


def text(d: Drawing, value: str = PROMPT, title: str = "DALL·E 3 prompt") -> Node:
    return d.node("PrimitiveStringMultiline", title=title, box=(360, 200), value=value)


def on_flux(d: Drawing, prompt: Out | str, **changes: object) -> Node:
    """The one-node form."""
    d.needs(files.DEV, files.CLIP_L, files.T5_FP16, files.VAE)
    inputs = {
        "size": "1024x1024",
        "quality": "standard",
        "style": "vivid",
        "n": 1,
        "seed": 42,
        "prompt_mode": "convert",
    }
    return d.node("DalleFluxLocalGenerate", box=(380, 420), prompt=prompt, **{**inputs, **changes})


def save(d: Drawing, images: Out, prefix: str) -> Node:
    return d.node("SaveImage", box=PREVIEW, images=images, filename_prefix=f"dalle_flux/{prefix}")


def show(d: Drawing, source: Out, title: str) -> Node:
    return d.node("PreviewAny", title=title, box=(340, 180), source=source)


def picture(d: Drawing, title: str = "Your picture", image: str = PICTURE) -> Node:
    return d.node("LoadImage", title=title, box=PREVIEW, image=image)


def compare(d: Drawing, a: Out, b: Out, label_a: str, label_b: str, **more: object) -> Node:
    return d.node(
        "DalleFluxCompare", box=(620, 520), image_a=a, image_b=b, label_a=label_a, label_b=label_b, align="fit", **more
    )


def told(prompt: Node, a: Node, b: Node) -> dict[str, Out]:
    """What the sheet's captions are made of."""
    return {"prompt": prompt.out(), "info_a": a.out(2), "info_b": b.out(2)}


def converted(d: Drawing, prompt: Out | str) -> Node:
    return d.node(
        "DalleFluxPrompt", box=(380, 420), prompt=prompt, style="vivid", size="1024x1024", target="FLUX.1-dev"
    )


def gate(d: Drawing, prompt: Out, title: str, on_flag: str = "stop", **more: Out) -> Node:
    return d.node("DalleFluxModeratePrompt", title=title, box=(360, 200), prompt=prompt, on_flag=on_flag, **more)


def flux_graph(d: Drawing, prompt: Out, gated: bool = False) -> Out:
    """FLUX.1-dev's official graph, fed by DALL·E's knobs; returns the decoded picture.

    Args:
        gated: a moderation gate stands behind the converter, on each of the two texts that are drawn.
    """
    settings = d.node(
        "DalleFluxSettings", size="1024x1024", quality="standard", style="vivid", n=1, target="FLUX.1-dev"
    )
    converter = converted(d, prompt)
    d.column("DALL·E's knobs → FLUX", converter, settings)
    long, short = converter.out(0), converter.out(1)
    if gated:
        gates = gate(d, long, "Gate: the long text"), gate(d, short, "Gate: the short text")
        d.column("Moderation", *gates)
        long, short = gates[0].out(), gates[1].out()

    model = d.node("UNETLoader", unet_name=files.DEV.name, weight_dtype="default")
    clip = d.node(
        "DualCLIPLoader", clip_name1=files.CLIP_L.name, clip_name2=files.T5_FP16.name, type="flux", device="default"
    )
    vae = d.node("VAELoader", vae_name=files.VAE.name)
    d.column("FLUX.1-dev", model, clip, vae)

    shifted = d.node(
        "ModelSamplingFlux", max_shift=1.15, base_shift=0.5, model=model.out(), width=settings.out(1),
        height=settings.out(2),
    )  # fmt: skip
    encoded = d.node(
        "CLIPTextEncodeFlux", box=(340, 220), clip=clip.out(), clip_l=short, t5xxl=long,
        guidance=settings.out(4),
    )  # fmt: skip
    guider = d.node("BasicGuider", model=shifted.out(), conditioning=encoded.out())
    scheduler = d.node("BasicScheduler", model=shifted.out(), scheduler="simple", steps=settings.out(3), denoise=1.0)
    sampler = d.node("KSamplerSelect", sampler_name="euler")
    noise = d.node("RandomNoise", noise_seed=42)
    d.column("Prompt and schedule", encoded, shifted, guider, scheduler, sampler, noise)

    sampled = d.node(
        "SamplerCustomAdvanced", noise=noise.out(), guider=guider.out(), sampler=sampler.out(),
        sigmas=scheduler.out(), latent_image=settings.out(0),
    )  # fmt: skip
    decoded = d.node("VAEDecode", samples=sampled.out(), vae=vae.out())
    d.column("Draw", sampled, decoded)
    return decoded.out()


def _dalle3_vs_flux() -> None:
    d = drawing(
        "dalle3-vs-flux",
        "DALL·E 3 vs FLUX",
        "Draws a DALL·E 3 prompt with FLUX.1-dev on this machine and sets the picture beside the one DALL·E 3 made.\n\n"
        "1. Put the old prompt into **DALL·E 3 prompt**.\n"
        "2. Load the picture that DALL·E 3 made of it into **Your DALL·E 3 picture**.\n"
        "3. Run. The comparison is saved to `output/dalle_flux/`.\n\n"
        "The prompt is turned into a FLUX prompt by rules, both texts that are drawn pass a moderation gate on this "
        "machine, and DALL·E's size, quality and style become FLUX's latent, steps and guidance.",
    )
    prompt = text(d)
    d.column("Prompt", prompt)
    image = flux_graph(d, prompt.out(), gated=True)
    original = picture(d, "Your DALL·E 3 picture")
    sheet = compare(d, original.out(), image, "DALL·E 3", "FLUX.1-dev", prompt=prompt.out())
    d.column("Compare", original, sheet)
    d.column("Result", save(d, sheet.out(), "dalle3-vs-flux"), show(d, sheet.out(2), "Metrics"))


def _one_node() -> None:
    d = drawing(
        "dalle3-on-flux",
        "DALL·E 3 → FLUX, one node",
        "One node with DALL·E 3's knobs draws with FLUX on this machine. It finds the installed FLUX files by itself, "
        "turns the prompt into a FLUX prompt, and says in `info` what it used.\n\n"
        "Swap the node for **DALL·E 3 Generate** to draw at an endpoint instead: the sockets are the same.",
    )
    node = on_flux(d, PROMPT)
    d.column("Draw", node)
    d.column("Result", save(d, node.out(), "dalle3-on-flux"), show(d, node.out(1), "The text that was drawn"))
    d.column("What was done", show(d, node.out(2), "info"))


def _laid_open() -> None:
    d = drawing(
        "dalle3-on-flux-open",
        "DALL·E 3 → FLUX, the graph laid open",
        "What *DALL·E 3 on FLUX* does inside, in ComfyUI's own nodes: change any of them.",
    )
    prompt = text(d)
    d.column("Prompt", prompt)
    image = flux_graph(d, prompt.out())
    d.column("Result", save(d, image, "dalle3-on-flux-open"))


def _standard_vs_hd() -> None:
    d = drawing(
        "standard-vs-hd",
        "Standard vs hd",
        f"The same prompt and seed in both of DALL·E 3's qualities. On FLUX.1-dev standard takes {DEV.standard} steps, "
        f"hd {DEV.hd}.",
    )
    prompt = text(d)
    d.column("Prompt", prompt)
    standard, hd = on_flux(d, prompt.out()), on_flux(d, prompt.out(), quality="hd")
    standard.title, hd.title = "standard", "hd"
    d.column("Draw", standard, hd)
    sheet = compare(d, standard.out(), hd.out(), "standard", "hd", **told(prompt, standard, hd))
    d.column("Compare", sheet, save(d, sheet.out(), "standard-vs-hd"))


def _vivid_vs_natural() -> None:
    d = drawing(
        "vivid-vs-natural",
        "Vivid vs natural",
        "The same prompt and seed in both of DALL·E 3's styles. Style changes the wording and the guidance: vivid 3.5, "
        "natural 2.5, which is less glossy.",
    )
    prompt = text(d)
    d.column("Prompt", prompt)
    vivid, natural = on_flux(d, prompt.out()), on_flux(d, prompt.out(), style="natural")
    vivid.title, natural.title = "vivid", "natural"
    d.column("Draw", vivid, natural)
    sheet = compare(d, vivid.out(), natural.out(), "vivid", "natural", **told(prompt, vivid, natural))
    d.column("Compare", sheet, save(d, sheet.out(), "vivid-vs-natural"))


def _edit() -> None:
    d = drawing(
        "dalle2-edit",
        "DALL·E 2 edit → FLUX Fill",
        "Redraws the masked part of a picture; every other pixel stays as it is.\n\n"
        "The example mask is the middle of the picture. To paint your own, right-click the picture, choose *Open in "
        "MaskEditor*, and connect the picture's `MASK` to the node. A picture with transparent parts, as DALL·E 2 "
        "took them, already brings its mask there.\n\n"
        "Without a mask the node changes the whole picture as the prompt says, with FLUX.1 Kontext.",
    )
    d.needs(files.FILL, files.CLIP_L, files.T5_FP16, files.VAE)
    original = picture(d)
    ground = d.node("SolidMask", title="Keep", value=0.0, width=512, height=512)
    spot = d.node("SolidMask", title="Redraw", value=1.0, width=256, height=256)
    mask = d.node(
        "MaskComposite", title="Example mask: the middle", destination=ground.out(), source=spot.out(), x=128, y=128,
        operation="add",
    )  # fmt: skip
    d.column("Picture and mask", original, ground, spot, mask)
    edit = d.node(
        "DalleFluxLocalEdit", box=(380, 420), image=original.out(), mask=mask.out(),
        prompt="a hot-air balloon drifting over the hills", size="auto", quality="standard", n=1, seed=42,
    )  # fmt: skip
    d.column("Edit", edit)
    sheet = compare(d, original.out(), edit.out(), "before", "after")
    d.column("Result", save(d, edit.out(), "dalle2-edit"), sheet)


def _outpaint() -> None:
    d = drawing(
        "outpaint",
        "Outpaint: a square picture becomes wide",
        "Ask *DALL·E Edit on FLUX* for a size larger than the picture, and it draws what lies around it. The picture "
        "itself stays as it is.",
    )
    d.needs(files.FILL, files.CLIP_L, files.T5_FP16, files.VAE)
    original = picture(d)
    edit = d.node(
        "DalleFluxLocalEdit", box=(380, 420), image=original.out(),
        prompt="a wide landscape around it, soft evening light", size="1536x1024", quality="standard", n=1, seed=42,
    )  # fmt: skip
    d.column("Picture", original)
    d.column("Outpaint", edit)
    d.column("Result", save(d, edit.out(), "outpaint"))


def _variations() -> None:
    d = drawing(
        "variations",
        "DALL·E variations → FLUX Redux",
        "Four new pictures after one. `strength` 1 is a near-copy, 0 loosely inspired by it.",
    )
    d.needs(files.DEV, files.REDUX, files.VISION, files.CLIP_L, files.T5_FP16, files.VAE)
    original = picture(d)
    vary = d.node(
        "DalleFluxLocalVariation", box=(380, 300), image=original.out(), size="1024x1024", n=4, seed=42, strength=0.8
    )
    d.column("Picture", original)
    d.column("Vary", vary)
    d.column("Result", save(d, vary.out(), "variations"))


def _brand_style() -> None:
    d = drawing(
        "brand-style-lora",
        "Brand style with a LoRA",
        "Draws DALL·E 3 prompts in a style of your own: train or download a FLUX.1-dev LoRA and choose it in **Your "
        "style**. `strength_model` says how strong it is.",
    )
    d.more_files.append("- `my-brand-style.safetensors` in `loras`: your own LoRA for FLUX.1-dev")
    model = d.node("UNETLoader", unet_name=files.DEV.name, weight_dtype="default")
    styled = d.node(
        "LoraLoaderModelOnly", title="Your style", model=model.out(), lora_name="my-brand-style.safetensors",
        strength_model=0.9,
    )  # fmt: skip
    d.column("FLUX.1-dev in your style", model, styled)
    node = on_flux(d, PROMPT, model=styled.out())
    d.column("Draw", node)
    d.column("Result", save(d, node.out(), "brand-style"))


def _composition() -> None:
    d = drawing(
        "composition-control",
        "Composition control with Canny",
        "Keeps the outlines of a picture and draws something new in them, with FLUX.1 Canny.",
    )
    original = picture(d)
    edges = d.node("Canny", image=original.out(), low_threshold=0.15, high_threshold=0.3)
    seen = d.node("PreviewImage", title="Outlines", box=(300, 300), images=edges.out())
    d.column("Picture", original, edges, seen)
    converter = converted(d, PROMPT)
    d.column("Prompt", converter)
    model = d.node("UNETLoader", unet_name=files.CANNY.name, weight_dtype="default")
    clip = d.node(
        "DualCLIPLoader", clip_name1=files.CLIP_L.name, clip_name2=files.T5_FP16.name, type="flux", device="default"
    )
    vae = d.node("VAELoader", vae_name=files.VAE.name)
    d.column("FLUX.1-Canny-dev", model, clip, vae)
    encoded = d.node(
        "CLIPTextEncodeFlux", box=(340, 220), clip=clip.out(), clip_l=converter.out(1), t5xxl=converter.out(0),
        guidance=30.0,
    )  # fmt: skip
    nothing = d.node("ConditioningZeroOut", conditioning=encoded.out())
    controlled = d.node(
        "InstructPixToPixConditioning", positive=encoded.out(), negative=nothing.out(), vae=vae.out(),
        pixels=edges.out(),
    )  # fmt: skip
    sampled = d.node(
        "KSampler", model=model.out(), seed=42, steps=20, cfg=1.0, sampler_name="euler", scheduler="normal",
        positive=controlled.out(0), negative=controlled.out(1), latent_image=controlled.out(2), denoise=1.0,
    )  # fmt: skip
    decoded = d.node("VAEDecode", samples=sampled.out(), vae=vae.out())
    d.column("Draw", encoded, nothing, controlled, sampled, decoded)
    d.column("Result", save(d, decoded.out(), "composition-control"))


def _archive() -> None:
    d = drawing(
        "archive-vs-flux",
        "An original from the archive beside FLUX",
        "Takes DALL·E 3 pictures and the prompts that ChatGPT really sent out of the archive of your old pictures, "
        "draws them again with FLUX.1-dev on this machine, sets both side by side, and stores the new picture in the "
        "archive beside its original.\n\n"
        "First import your ChatGPT export: page *DALL·E Archive* in the sidebar. **query** says which pictures, "
        "**index** and **limit** how many; every picture is drawn once. From the archive's page, *Compare with FLUX* "
        "opens this workflow with one picture chosen.",
    )
    load = d.node("DalleFluxArchiveLoad", box=(360, 240), query="maker:dall-e-3", index=0, limit=1)
    d.column("From the archive", load)
    node = on_flux(d, load.out(2), size=load.out(3))
    d.column("Draw", node)
    told_of = {"prompt": load.out(2), "info_a": load.out(4), "info_b": node.out(2)}
    sheet = compare(d, load.out(0), node.out(), "DALL·E 3", "FLUX.1-dev", **told_of)
    d.column("Compare", sheet)
    kept = d.node(
        "DalleFluxArchiveSave", box=(360, 160), images=node.out(), item_id=load.out(5), prompt=node.out(1),
        info=node.out(2), metrics=sheet.out(2),
    )  # fmt: skip
    d.column("Keep", kept, save(d, sheet.out(), "archive-vs-flux"))


def _image_model() -> None:
    d = drawing(
        "images-api-model",
        "Your own model for apps: the Images API",
        'Publish this graph as an image model, and apps made for DALL·E ask for it by name: `model="house-style"` at '
        "`http://127.0.0.1:8188/dalle-flux/v1`. *Images API Request* is where a request enters, *Images API Response* "
        "where its pictures leave; put whatever you like in between, here a LoRA.\n\n"
        'To publish: `POST /dalle_flux/endpoint/models` with `{"name": "house-style", "graph": …}`, the graph in API '
        "format. Run on the canvas, it draws what stands in the request node.",
    )
    d.more_files.append("- `my-brand-style.safetensors` in `loras`: your own LoRA for FLUX.1-dev")
    asked = d.node("DalleFluxImagesRequest", box=(360, 420), prompt=PROMPT, size="1024x1024", quality="standard",
                   style="vivid", n=1, seed=42)  # fmt: skip
    d.column("A request enters", asked)
    model = d.node("UNETLoader", unet_name=files.DEV.name, weight_dtype="default")
    styled = d.node(
        "LoraLoaderModelOnly", title="Your style", model=model.out(), lora_name="my-brand-style.safetensors",
        strength_model=0.9,
    )  # fmt: skip
    d.column("FLUX.1-dev in your style", model, styled)
    policy = d.node("DalleFluxModerationPolicy", image_check="none")
    node = on_flux(
        d, asked.out(0), size=asked.out(3), quality=asked.out(6), style=asked.out(7), n=asked.out(8),
        seed=asked.out(9), model=styled.out(), policy=policy.out(),
    )  # fmt: skip
    d.column("Draw", policy, node)
    answer = d.node(
        "DalleFluxImagesResponse", box=PREVIEW, images=node.out(), revised_prompt=node.out(1), info=node.out(2)
    )
    d.column("The pictures leave", answer, save(d, node.out(), "images-api-model"))


def _schnell() -> None:
    d = drawing(
        "schnell-for-volume",
        "FLUX.1-schnell for volume",
        f"Many pictures fast: FLUX.1-schnell takes {SCHNELL.standard} steps where dev takes {DEV.standard}, and its "
        "licence (Apache-2.0) allows commercial use.",
    )
    model = d.node("UNETLoader", unet_name=files.SCHNELL.name, weight_dtype="default")
    advised = d.node(
        "DalleFluxMemoryAdvice", model=model.out(), advice="The GPU ran out of memory; lower n, or use the smaller "
        f"{files.SCHNELL_GGUF.name} ({files.SCHNELL_GGUF.url}).",
    )  # fmt: skip
    d.column("FLUX.1-schnell", model, advised)
    node = d.node(
        "DalleFluxLocalGenerate", box=(380, 420), prompt=PROMPT, size="1024x1024", quality="standard", style="vivid",
        n=4, seed=42, prompt_mode="convert", model=advised.out(),
    )  # fmt: skip
    d.needs(files.CLIP_L, files.T5_FP16, files.VAE)
    d.column("Draw", node)
    d.column("Result", save(d, node.out(), "schnell"), show(d, node.out(2), "info"))


def _rewritten() -> None:
    d = drawing(
        "short-prompt-rewritten",
        "A short prompt, rewritten by a local LLM",
        "DALL·E 3 had ChatGPT write short prompts out. Here a local LLM does it: by default one that "
        "[Ollama](https://ollama.com) serves on this machine. Start it with `ollama run qwen3:4b`, or name any other "
        "OpenAI-compatible LLM in `endpoints.toml`.\n\n"
        "On a ComfyUI that can generate text itself, *Prompt Rewriter (LLM in ComfyUI)* does the same with a model "
        "from `text_encoders`; it is switched off here.",
    )
    prompt = text(d, "a cat in a library", "Short prompt")
    rewriter = d.node(
        "DalleFluxRewriterEndpoint", endpoint="ollama", model="qwen3:4b", temperature=0.7, seed=42, box=(360, 200)
    )
    inside = d.node("DalleFluxRewriterLocal", temperature=0.7, seed=42, box=(360, 160))
    inside.off = True
    d.column("Prompt and rewriter", prompt, rewriter, inside)
    node = on_flux(d, prompt.out(), rewriter=rewriter.out())
    d.column("Draw", node)
    d.column(
        "Result", save(d, node.out(), "short-prompt-rewritten"), show(d, node.out(1), "The text that was drawn"),
        show(d, node.out(2), "info"),
    )  # fmt: skip


def _moderated() -> None:
    d = drawing(
        "moderated-pipeline",
        "Moderated pipeline",
        "A prompt gate before drawing and a picture gate after it, both by one policy, both on this machine. The "
        "prompt gate stands behind the converter: it judges the text that is drawn, which *DALL·E 3 on FLUX* then "
        "takes `as is`. What is flagged goes no further, and the reports say why. Without the reports one link does "
        "the same: "
        "from the policy to `policy` of *DALL·E 3 on FLUX*, which then ends the run.\n\n"
        "Pictures are judged by NudeNet if it is installed (`pip install nudenet` with ComfyUI's own Python). Without "
        "it they pass marked for review, and the picture report says so; choose `local` in the policy to hold them "
        "back instead.",
    )
    prompt = text(d)
    policy = d.node("DalleFluxModerationPolicy", box=(360, 240))
    d.column("Prompt and policy", prompt, policy)
    converter = converted(d, prompt.out())
    d.column("Convert", converter)
    judged = gate(d, converter.out(), "Prompt gate", "block", policy=policy.out())
    d.column("Prompt gate", judged, show(d, judged.out(2), "Prompt report"))
    node = on_flux(d, judged.out(), prompt_mode="as is")
    d.column("Draw", node)
    images = d.node("DalleFluxModerateImage", box=(360, 160), images=node.out(), on_flag="block", policy=policy.out())
    d.column("Picture gate", images, show(d, images.out(2), "Picture report"))
    d.column("Result", save(d, images.out(), "moderated"))


def _batch() -> None:
    d = drawing(
        "batch-of-prompts",
        "A batch of prompts from a list",
        "Put a `.txt` file with one prompt a line, or a `.csv` or `.jsonl` file, into ComfyUI's `input` folder and "
        "write its name into `file`. Every prompt is converted and drawn; `first_row` and `rows` say which. With "
        "`file` empty the one prompt above is drawn.",
    )
    image = flux_graph(d, PROMPT)
    d.column("Result", save(d, image, "batch"))


def _endpoint_vs_local() -> None:
    d = drawing(
        "endpoint-vs-local",
        "Endpoint vs local FLUX",
        "The same prompt drawn by an image service and by FLUX on this machine. The service is one of your named "
        "endpoints: `openai` is built in and takes its key from the environment variable `OPENAI_API_KEY`; others "
        "stand in your `endpoints.toml`. A run costs what the service charges.",
    )
    prompt = text(d)
    d.column("Prompt", prompt)
    remote = d.node(
        "DalleFluxGenerate", title="At an endpoint", box=(380, 420), prompt=prompt.out(), endpoint="openai",
        model="gpt-image-2", size="1024x1024", quality="standard", style="vivid", n=1, seed=42,
    )  # fmt: skip
    local = on_flux(d, prompt.out())
    local.title = "On this machine"
    d.column("Draw", remote, local)
    sheet = compare(d, remote.out(), local.out(), "endpoint", "FLUX.1-dev", **told(prompt, remote, local))
    d.column("Compare", sheet, save(d, sheet.out(), "endpoint-vs-local"))


def _hosted() -> None:
    d = drawing(
        "hosted-vs-local-vs-dalle3",
        "Hosted FLUX beside local FLUX beside an old DALL·E picture",
        "Draws a DALL·E 3 prompt with FLUX.1-dev twice, at Black Forest Labs and on this machine, and sets both beside "
        "the picture that DALL·E 3 made of it.\n\n"
        "1. Write these two lines into your `endpoints.toml` and set the environment variable `BFL_API_KEY`:\n\n"
        '   `[bfl]`\n\n   `kind = "bfl"`\n\n'
        "2. Put the old prompt into **DALL·E 3 prompt** and its picture into **Your DALL·E 3 picture**.\n"
        "3. Run. The hosted picture costs about 0.03 USD; the same run again costs nothing.\n\n"
        "Other services and models: the help page of *DALL·E 3 Generate*. No card of 24 GB? Take the node **On this "
        "machine** out.",
    )
    prompt = text(d)
    original = picture(d, "Your DALL·E 3 picture")
    d.column("Prompt", prompt, original)
    hosted = d.node(
        "DalleFluxGenerate", title="Hosted", box=(380, 460), prompt=prompt.out(), endpoint="bfl", model="flux-dev",
        size="1024x1024", quality="standard", style="vivid", n=1, seed=42,
    )  # fmt: skip
    local = on_flux(d, prompt.out())
    local.title = "On this machine"
    d.column("Draw", hosted, local)
    sheet = compare(
        d, original.out(), hosted.out(), "DALL·E 3", "FLUX.1-dev, hosted", image_c=local.out(),
        label_c="FLUX.1-dev, here", prompt=prompt.out(), info_b=hosted.out(2), info_c=local.out(2),
    )  # fmt: skip
    d.column("Compare", sheet, save(d, sheet.out(), "hosted-vs-local"))


def _endpoint_edit() -> None:
    d = drawing(
        "endpoint-edit-and-variation",
        "DALL·E edit and variation at an endpoint",
        "What DALL·E 2's edits and variations did, at a service that still offers them; OpenAI itself has no "
        "variations any more. Swap the nodes for *DALL·E "
        "Edit on FLUX* and *DALL·E Variation on FLUX* to do both here. A run costs what the service charges.",
    )
    original = picture(d)
    d.column("Picture", original)
    edit = d.node(
        "DalleFluxEdit", box=(380, 360), image=original.out(), prompt="the same picture at night", endpoint="openai",
        model="gpt-image-2", size="1024x1024", quality="standard", n=1, seed=42,
    )  # fmt: skip
    vary = d.node(
        "DalleFluxVariation", box=(380, 260), image=original.out(), endpoint="openai", model="dall-e-2",
        size="1024x1024", n=1, seed=42,
    )  # fmt: skip
    d.column("Edit and vary", edit, vary)
    d.column("Result", save(d, edit.out(), "endpoint-edit"), save(d, vary.out(), "endpoint-variation"))


_dalle3_vs_flux()
_one_node()
_laid_open()
_standard_vs_hd()
_vivid_vs_natural()
_rewritten()
_moderated()
_edit()
_outpaint()
_variations()
_brand_style()
_composition()
_batch()
_endpoint_vs_local()
_hosted()
_endpoint_edit()
_schnell()
_image_model()
_archive()


@dataclass(frozen=True)
class Blueprint:
    """A shipped workflow that is also offered as one node."""

    workflow: str
    name: str  # of the node and of the file, which the host shows
    inside: str  # title of the first column that goes into the node
    about: str


BLUEPRINTS = (
    Blueprint(
        "dalle3-on-flux-open",
        "DALL-E 3 on FLUX.1-dev",
        "DALL·E's knobs → FLUX",
        "Draws a DALL·E 3 prompt with FLUX.1-dev; open it to change any step.",
    ),
    Blueprint(
        "dalle3-vs-flux",
        "DALL-E 3 vs FLUX.1-dev",
        "DALL·E's knobs → FLUX",
        "Draws a DALL·E 3 prompt with FLUX.1-dev and sets the picture beside the one DALL·E 3 made.",
    ),
)
