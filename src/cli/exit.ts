/** The exit statuses of `graft`. A command that fails sets `process.exitCode`, or throws. */
export const EXIT = {
  fine: 0,
  /** The command failed: a file, the disk, the GPU, the numbers. */
  couldNot: 1,
  /** The call is wrong: a command, a flag or its value. */
  wrongCall: 2,
  /** `graft plan`: the run does not fit. */
  doesNotFit: 3,
  /** The status that a shell reports for a command that SIGINT ended. */
  interrupted: 130,
} as const;

/** Ctrl-C, a polite kill, and a terminal that was closed. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
