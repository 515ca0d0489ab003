/** Checkpoints on disks that fail: at every operation in turn, one run each. Start at SavedRank, which has something to save. */
package tutti.test.storage;
