package tutti.worker.model;

import java.util.Optional;
import tutti.worker.tensor.Tensor;

/**
 * A weight that a kernel reads as it is: a norm's scale, the embedding table, the head.
 *
 * @param value norms in the master dtype, tables in the compute dtype
 * @param gradient of the master dtype, added to by backward; empty when the weight is frozen
 */
public record Weight(Tensor value, Optional<Tensor> gradient) {}
