package tutti.common.config;

import java.util.Map;

/**
 * Flags of torchrun and TrainingArguments that people's command lines carry and that change nothing here. Each is answered by
 * name, so that nobody believes it had an effect.
 */
public final class Answered {
    private static final Map<String, String> FLAGS = Map.ofEntries(
            Map.entry("fsdp", "each worker holds a whole replica; --zero 1 or 2 shards optimizer state and gradients"),
            Map.entry("fsdp_transformer_layer_cls_to_wrap", "no layer is wrapped: each worker holds a whole replica"),
            Map.entry(
                    "fsdp_config",
                    "each worker holds a whole replica; --zero 1 or 2 shards optimizer state and gradients"),
            Map.entry("deepspeed", "there is no DeepSpeed here; batch and optimizer settings are flags of their own"),
            Map.entry("tf32", "a mode of Nvidia's float32 matmul; has no meaning on a CPU"),
            Map.entry(
                    "lazy_preprocess",
                    "samples are tokenised before the first step; large files once for all runs, see --cache_dir"),
            Map.entry("do_eval", "see --eval_data_path and --eval_strategy"),
            Map.entry("greater_is_better", "follows from --metric_for_best_model"),
            Map.entry("report_to", "metrics go to metrics.jsonl, the console and /metrics"),
            Map.entry("run_name", "runs are named by their output folder"),
            Map.entry("logging_strategy", "steps; see --logging_steps"),
            Map.entry("logging_dir", "logs lie in output_dir/logs"),
            Map.entry("do_train", "`tutti run` always trains"),
            Map.entry("optim", "AdamW, as torch.optim.AdamW"),
            Map.entry("ddp_timeout", "see --allreduce_timeout"),
            Map.entry(
                    "dataloader_num_workers",
                    "samples are tokenised before the first step, on all threads of a worker"),
            Map.entry("remove_unused_columns", "unknown fields of a sample are ignored"),
            Map.entry("flash_attn", "attention is chosen by the backend"),
            Map.entry("rdzv_backend", "the coordinator forms the group"),
            Map.entry("rdzv_id", "each run has an id of its own"),
            Map.entry("rdzv_conf", "see --rdzv_timeout"),
            Map.entry("monitor_interval", "lost processes are noticed at once"),
            Map.entry("start_method", "workers are processes of their own"),
            Map.entry("role", "there is one role: worker"),
            Map.entry("log_dir", "logs lie in output_dir/logs"),
            Map.entry("redirects", "logs lie in output_dir/logs"),
            Map.entry("tee", "worker lines are shown and kept in output_dir/logs"));

    private Answered() {}

    /** What to tell who gives this flag, or null if the flag is unknown. */
    public static String answer(String name) {
        return FLAGS.get(name);
    }

    public static Map<String, String> all() {
        return FLAGS;
    }
}
