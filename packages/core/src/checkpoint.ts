/** Keeps the checkpoints of a run. */
export class CheckpointStore {}
