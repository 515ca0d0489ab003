package tutti.worker.tensor.torch;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** RMSNorm and rotary embedding: computed in float32 whatever the activations are. Shapes as in Kernels. */
final class TorchNorm {
    private TorchNorm() {}

    static void rmsNorm(Tensor out, Tensor rstd, Tensor x, Tensor weight, double eps) {
        Tensor wide = x.to(ScalarType.Float);
        rstd.copy_(
                meanOverChannels(wide.square()).add_(new Scalar(eps)).rsqrt_().view(rstd.size(0)));
        out.copy_(wide.mul(rstd.unsqueeze(1)).mul_(weight));
    }

    /** With g = dOut * w and n = x * rstd: dx += rstd * (g - n * mean(g * n)), dWeight += sum over rows of dOut * n. */
    static void rmsNormBackward(Tensor dx, Tensor dWeight, Tensor dOut, Tensor x, Tensor weight, Tensor rstd) {
        Tensor perRow = rstd.unsqueeze(1);
        Tensor normed = x.to(ScalarType.Float).mul(perRow);
        Tensor wide = dOut.to(ScalarType.Float);
        dWeight.add_(wide.mul(normed).sum(0));
        Tensor g = wide.mul(weight);
        Tensor mean = meanOverChannels(g.mul(normed));
        dx.add_(g.sub_(normed.mul_(mean)).mul_(perRow));
    }

    /** Rotates x (N,H,D) in place; cos, sin (P,D/2) float32; positions (N). */
    static void rope(Tensor x, Tensor cos, Tensor sin, Tensor positions, boolean inverse) {
        long half = x.size(2) / 2;
        Tensor first = x.narrow(2, 0, half);
        Tensor second = x.narrow(2, half, half);
        Tensor c = torch.index_select(cos, 0, positions).unsqueeze(1);
        Tensor s = torch.index_select(sin, 0, positions).unsqueeze(1);
        if (inverse) {
            s.neg_();
        }
        Tensor a = first.to(ScalarType.Float);
        Tensor b = second.to(ScalarType.Float);
        Tensor rotated = a.mul(c).sub_(b.mul(s));
        second.copy_(b.mul(c).add_(a.mul(s)));
        first.copy_(rotated);
    }

    private static Tensor meanOverChannels(Tensor x) {
        return x.sum(new long[] {1}, true, TorchKernels.AS_IS).div_(new Scalar((double) x.size(1)));
    }
}
