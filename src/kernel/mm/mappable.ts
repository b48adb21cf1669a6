/** What memory management asks of a file that can be mapped. File inodes satisfy it by their shape. */
import type { FileRange } from '../../platform/file-range.js';

/** Contents of a file as memory: a regular file's inode implements it. */
export interface Mappable {
  /**
   * The range of guest memory, one or more contiguous pages, that holds the file's page at byte `offset` (a
   * multiple of the page size), filled from the file (bytes past its end read as zero) and shared with read(2)
   * and write(2). At most `maxLength` bytes are given, at least one page. The caller takes a reference of its
   * own with `memory.incRef` before anything else can run. `undefined`: the page lies wholly beyond the end of
   * the file (SIGBUS). Negative: -errno. `write`: the mapping is shared and about to be written.
   */
  pageAt(offset: number, maxLength: number, write: boolean): FileRange | undefined | number;
  /** Whether the page at byte `offset` is in memory, whoever brought it there. */
  isResident?(offset: number): boolean;
  /** Tells whom to notify when pages go away. Absent where they never do. Called once a mapping. */
  attach?(observer: MappingObserver): void;
  /** Matches an earlier `attach`. */
  detach?(observer: MappingObserver): void;
  /** msync(2) with MS_SYNC over bytes [start, end); 0 or -errno. Absent where there is nothing to do. */
  sync?(start: number, end: number): number;
  /** Bytes [start, end), whole pages, read as zeroes from now on: madvise(2) with MADV_REMOVE. 0 or -errno. */
  removePages?(start: number, end: number): number;
}

/** One mapping of a file, as the file sees it. */
export interface MappingObserver {
  /** File offsets it maps, [start, end). */
  readonly fileStart: number;
  readonly fileEnd: number;
  /** MAP_SHARED, and it may be written. */
  readonly sharedWritable: boolean;
  /**
   * The file's pages of [start, end) (page-aligned offsets) are not what they were: the file was truncated, or
   * its frames were replaced. Every page taken from them is given back; private copies stay unless `truncated`.
   */
  invalidate(start: number, end: number, truncated: boolean): void;
}

/** What an open file gives to mmap(2). */
export interface MappedFile {
  readonly mappable: Mappable;
  /** Path as /proc/PID/maps shows it, in Latin-1 characters for bytes. */
  readonly name: string;
  /** `st_dev`, `st_ino` of fstat(2). */
  readonly device: number;
  readonly inode: number;
  /** The descriptor is open for reading: without it mmap(2) gives EACCES. */
  readonly readable: boolean;
  /** The descriptor is open for writing: a shared writable mapping needs it. */
  readonly writable: boolean;
  /** The mount forbids execution (noexec): PROT_EXEC gives EPERM. */
  readonly noExecute: boolean;
}

/** What mmap(2) needs of an open file: `OpenFile` implements it. */
export interface MapSource {
  /** What to map; -ENODEV where the file cannot be mapped. A device such as /dev/zero gives 'anonymous'. */
  mapping(): MappedFile | 'anonymous' | number;
}
