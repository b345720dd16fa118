/** A directory of the private file system, or of a disk, in memory: the used part of its interface, with a quota. */

class MemoryFile {
  readonly kind = 'file';
  bytes = new Uint8Array(0);

  constructor(private readonly disk: { room: number }) {}

  async getFile(): Promise<File> {
    return new File([this.bytes], 'file');
  }

  async createSyncAccessHandle(): Promise<object> {
    return {
      read: (bytes: Uint8Array, { at }: { at: number }) => {
        const found = this.bytes.subarray(at, at + bytes.byteLength);
        bytes.set(found);
        return found.byteLength;
      },
      write: (bytes: Uint8Array, { at }: { at: number }) => {
        const fits = Math.min(bytes.byteLength, this.disk.room);
        const next = new Uint8Array(Math.max(this.bytes.byteLength, at + fits));
        next.set(this.bytes);
        next.set(bytes.subarray(0, fits), at);
        this.disk.room -= next.byteLength - this.bytes.byteLength;
        this.bytes = next;
        return fits;
      },
      truncate: (size: number) => {
        this.disk.room += this.bytes.byteLength - size;
        this.bytes = this.bytes.slice(0, size);
      },
      flush: () => undefined,
      close: () => undefined,
    };
  }

  /** Written bytes appear once it is closed. */
  async createWritable(): Promise<object> {
    const written: Uint8Array[] = [];
    return {
      write: async (bytes: Uint8Array) => {
        if (bytes.byteLength > this.disk.room) throw new DOMException('No room.', 'QuotaExceededError');
        this.disk.room -= bytes.byteLength;
        written.push(bytes.slice());
      },
      close: async () => {
        this.bytes = new Uint8Array(Buffer.concat(written));
      },
      abort: async () => {
        this.disk.room += written.reduce((sum, { byteLength }) => sum + byteLength, 0);
      },
    };
  }
}

export class MemoryFolder {
  readonly kind = 'directory';
  readonly children = new Map<string, MemoryFile | MemoryFolder>();

  constructor(
    readonly disk: { room: number } = { room: Infinity },
    readonly name = 'disk',
  ) {}

  /** As the browser's own type. */
  get handle(): FileSystemDirectoryHandle {
    return this as unknown as FileSystemDirectoryHandle;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<MemoryFile> {
    return this.#get(name, create, () => new MemoryFile(this.disk)) as MemoryFile;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<MemoryFolder> {
    return this.#get(name, create, () => new MemoryFolder(this.disk, name)) as MemoryFolder;
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.children.delete(name)) throw new DOMException(name, 'NotFoundError');
  }

  async *entries(): AsyncGenerator<[string, MemoryFile | MemoryFolder]> {
    yield* this.children;
  }

  async *keys(): AsyncGenerator<string> {
    yield* this.children.keys();
  }

  #get(name: string, create: boolean, make: () => MemoryFile | MemoryFolder): MemoryFile | MemoryFolder {
    if (name.includes('/')) throw new TypeError(`${name} is no name`);
    const child = this.children.get(name);
    if (child) return child;
    if (!create) throw new DOMException(name, 'NotFoundError');
    const made = make();
    this.children.set(name, made);
    return made;
  }
}
