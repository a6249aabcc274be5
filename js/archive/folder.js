// @ts-check
/**
 * A folder of the user's machine as one zip, so that it travels like any other file and no path of it means anything
 * here. Nothing is packed and nothing is held in memory: the zip is made of the files as they lie on the disk.
 *
 * @typedef {{path: string, file: File}} Found path: below the folder, with "/"
 */
import { Refused } from "../asking.js";
import { t } from "../words.js";

const MOST = 50_000; // files
const PIECE = 8 * 2 ** 20; // bytes of a file that are read at once
const UNKNOWN = 0xffffffff; // the real number stands in the zip64 fields, so that no size needs a form of its own

/** A folder that was dropped or chosen. */
export class Folder {
  /** @param {string} name @param {() => Promise<Found[]>} files */
  constructor(name, files) {
    this.name = name;
    this.files = files;
  }

  /** @param {FileSystemDirectoryEntry} entry */
  static dropped(entry) {
    return new Folder(entry.name, () => filesBelow(entry));
  }

  /** @param {File[]} files of an input with webkitdirectory */
  static chosen(files) {
    const found = files.map((file) => ({ path: file.webkitRelativePath, file }));
    return new Folder(found[0].path.split("/")[0], async () => found);
  }
}

/** @param {FileSystemDirectoryEntry} folder @returns {Promise<Found[]>} */
async function filesBelow(folder) {
  const found = [];
  const folders = [folder];
  for (let one = folders.pop(); one; one = folders.pop()) {
    const reader = one.createReader();
    for (;;) {
      const entries = await new Promise((yes, no) => reader.readEntries(yes, no)).catch(unreadable(one.name));
      if (!entries.length) break; // it gives some at a time
      for (const entry of entries) {
        if (entry.isDirectory) folders.push(entry);
        else found.push({ path: entry.fullPath, file: await new Promise((yes, no) => entry.file(yes, no)).catch(unreadable(entry.name)) });
      }
      checkCount(found.length);
    }
  }
  return found;
}

/**
 * @param {Folder} folder
 * @param {(share: number) => void} tell how much of it has been read, 0 … 1
 * @param {AbortSignal} signal
 * @returns {Promise<File>} the same for the same files, so that a broken upload carries on
 * @throws {Refused}
 */
export async function zipped(folder, tell, signal) {
  const files = (await folder.files()).sort((one, other) => (one.path < other.path ? -1 : 1));
  checkCount(files.length);
  const total = files.reduce((sum, { file }) => sum + file.size, 0) || 1;
  const parts = [];
  const directory = [];
  let at = 0;
  let read = 0;
  for (const { path, file } of files) {
    const crc = await checksum(file, (bytes) => tell((read += bytes) / total), signal);
    const entry = { name: new TextEncoder().encode(path.replace(/^\/+/, "")), crc, size: file.size, at };
    const head = localHead(entry);
    parts.push(head, file);
    directory.push(directoryEntry(entry));
    at += head.length + file.size;
  }
  const length = directory.reduce((sum, entry) => sum + entry.length, 0);
  const lastModified = files.reduce((newest, { file }) => Math.max(newest, file.lastModified), 0);
  return new File([...parts, ...directory, end(files.length, length, at)], `${folder.name}.zip`, { lastModified });
}

/** @param {number} count */
function checkCount(count) {
  if (count > MOST) throw new Refused(t("This folder holds more than {0} files; put it into ComfyUI's input folder and import it by its path.", MOST.toLocaleString()));
}

/** @param {string} name @returns {(error: unknown) => never} */
function unreadable(name) {
  return () => {
    throw new Refused(t("{0} cannot be read, or has changed; drop the folder again.", name));
  };
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** CRC-32 of a file. @param {File} file @param {(bytes: number) => void} tell @param {AbortSignal} signal */
async function checksum(file, tell, signal) {
  let crc = -1;
  for (let at = 0; at < file.size; at += PIECE) {
    if (signal.aborted) throw new Refused(t("The upload was stopped; drop the file again to carry on."));
    const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer().catch(unreadable(file.name))); // prettier-ignore
    for (const byte of piece) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
    tell(piece.length);
  }
  return ~crc >>> 0;
}

/**
 * Numbers, least byte first. Source of all that follows: APPNOTE.TXT 6.3.10, 4.3.7 to 4.3.16, 4.5.3.
 * @param {[bytes: 2 | 4 | 8, value: number][]} fields
 * @param {Uint8Array} [tail]
 */
function record(fields, tail = new Uint8Array()) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0) + tail.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  bytes.set(tail, at);
  return bytes;
}

/** @typedef {{name: Uint8Array, crc: number, size: number, at: number}} Entry */

/**
 * What local heads and the directory share: zip 4.5, names in UTF-8, stored, 1980-01-01.
 * @param {Entry} entry
 * @param {number} extra its length
 * @returns {[2 | 4 | 8, number][]}
 */
function common({ name, crc }, extra) {
  return [[2, 45], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc], [4, UNKNOWN], [4, UNKNOWN], [2, name.length], [2, extra]]; // prettier-ignore
}

/** @param {Entry} entry */
function localHead(entry) {
  const sizes = record([[2, 1], [2, 16], [8, entry.size], [8, entry.size]]); // prettier-ignore
  return record([[4, 0x04034b50], ...common(entry, sizes.length)], joined(entry.name, sizes));
}

/** @param {Entry} entry */
function directoryEntry(entry) {
  const sizes = record([[2, 1], [2, 24], [8, entry.size], [8, entry.size], [8, entry.at]]); // prettier-ignore
  const rest = /** @type {[2 | 4, number][]} */ ([[2, 0], [2, 0], [2, 0], [4, 0], [4, UNKNOWN]]); // prettier-ignore
  return record([[4, 0x02014b50], [2, 45], ...common(entry, sizes.length), ...rest], joined(entry.name, sizes));
}

/** @param {number} count of files @param {number} length of the directory @param {number} at where it begins */
function end(count, length, at) {
  const large = record([[4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, length], [8, at]]); // prettier-ignore
  const locator = record([[4, 0x07064b50], [4, 0], [8, at + length], [4, 1]]); // prettier-ignore
  const old = record([[4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, UNKNOWN], [4, UNKNOWN], [2, 0]]); // prettier-ignore
  return joined(large, locator, old);
}

/** @param {...Uint8Array} parts */
function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
