package tutti.worker.model;

import tutti.worker.tensor.Tensor;

/**
 * New rows of one sequence in a pass over several.
 *
 * @param row the first of them in the pass
 * @param start row of the cache where the sequence begins
 * @param past rows of the sequence that are in the cache already
 */
record CachedRun(int row, int rows, int start, int past) {
    /** These rows of a tensor of the pass. */
    Tensor of(Tensor pass) {
        return pass.rows(row, rows);
    }

    /** Where they go in the cache. */
    Tensor added(Tensor cache) {
        return cache.rows((long) start + past, rows);
    }

    /** The sequence in the cache, with these rows. */
    Tensor all(Tensor cache) {
        return cache.rows(start, (long) past + rows);
    }
}
