package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import tutti.worker.tensor.Kernels.AdamWStep;

/** Operators that the Java presets leave out, called through libtorch's dispatcher, and constants of those they have. */
final class TorchOps {
    /** "Keep the dtype" where libtorch takes an optional one. */
    static final ScalarTypeOptional AS_IS = new ScalarTypeOptional();

    static final Scalar ZERO = new Scalar(0.0);
    static final Scalar ONE = new Scalar(1.0);
    /** The last of two dimensions, where libtorch takes a list. */
    static final long[] LAST = {1};

    static final long[] FIRST = {0};

    /** The numbers 1 and 2 as operators take them: a dimension. */
    private static final IValue DIM_1 = new IValue(1L);

    private static final IValue DIM_2 = new IValue(2L);
    private static final IValue FLOAT = new IValue((long) torch.ScalarType.Float.value);
    private static final IValue NO = new IValue(false);
    private static final IValue NONE = new IValue();
    private static final Type.TypePtr TENSOR = new Type.TypePtr(TensorType.get());
    private static final IValue NOTHING = list();

    private static final OperatorHandle SOFTMAX = find("aten::_softmax", "out");
    private static final OperatorHandle SOFTMAX_BACKWARD = find("aten::_softmax_backward_data", "out");
    private static final OperatorHandle FUSED_ADAMW = find("aten::_fused_adamw_", "");

    private TorchOps() {}

    /** Makes the constants now: made inside of a scope they would die with it. */
    static void load() {
        // The class is initialised by this call.
    }

    private static OperatorHandle find(String name, String overload) {
        return Dispatcher.singleton().findSchemaOrThrow(name, overload);
    }

    /** out = softmax of x over its last dimension {@code dim}, 1 or 2; out may be x. BF16 is computed in float32 and rounded once. */
    static void softmax(Tensor out, Tensor x, int dim) {
        SOFTMAX.callBoxed(new IValueVector(new IValue(x), dim(dim), NO, new IValue(out)));
    }

    /** dx = p (dp - sum of p dp) over the last dimension {@code dim}, 1 or 2, all float32; dx may be dp. */
    static void softmaxBackward(Tensor dx, Tensor dp, Tensor p, int dim) {
        SOFTMAX_BACKWARD.callBoxed(new IValueVector(new IValue(dp), new IValue(p), dim(dim), FLOAT, new IValue(dx)));
    }

    private static IValue dim(int dim) {
        return dim == 1 ? DIM_1 : DIM_2;
    }

    /** libtorch's one-pass AdamW on flat float32 tensors, with the same settings for every piece of them. Lives as long as a call. */
    static final class FusedAdamW {
        private final IValue number;
        private final IValue divisor;
        private final IValue learningRate;
        private final IValue beta1;
        private final IValue beta2;
        private final IValue weightDecay;
        private final IValue eps;

        /**
         * @param number float32 scalar: the number of the update
         * @param divisor float32 scalar that the gradient is divided by, in place
         */
        FusedAdamW(Tensor number, Tensor divisor, AdamWStep step) {
            this.number = list(number);
            this.divisor = step.gradScale() == 1 ? NONE : new IValue(divisor);
            this.learningRate = new IValue(step.learningRate());
            this.beta1 = new IValue(step.beta1());
            this.beta2 = new IValue(step.beta2());
            this.weightDecay = new IValue(step.weightDecay());
            this.eps = new IValue(step.eps());
        }

        void update(Tensor weight, Tensor grad, Tensor m, Tensor v) {
            FUSED_ADAMW.callBoxed(new IValueVector(
                    list(weight),
                    list(grad),
                    list(m),
                    list(v),
                    NOTHING,
                    number,
                    learningRate,
                    beta1,
                    beta2,
                    weightDecay,
                    eps,
                    NO,
                    NO,
                    divisor,
                    NONE));
        }
    }

    private static IValue list(Tensor... tensors) {
        GenericList list = new GenericList(TENSOR);
        for (Tensor tensor : tensors) {
            list.push_back(new IValue(tensor));
        }
        return new IValue(list);
    }

    /** out = alpha a b, rounded once. */
    static void mm(Tensor out, Tensor a, Tensor b, double alpha) {
        if (alpha == 1) {
            torch.mm_out(out, a, b);
        } else {
            torch.addmm_out(out, out, a, b, ZERO, new Scalar(alpha));
        }
    }

    /** out = alpha a b for each of a batch, rounded once. */
    static void bmm(Tensor out, Tensor a, Tensor b, double alpha) {
        if (alpha == 1) {
            torch.bmm_out(out, a, b);
        } else {
            torch.baddbmm_out(out, out, a, b, ZERO, new Scalar(alpha));
        }
    }
}
