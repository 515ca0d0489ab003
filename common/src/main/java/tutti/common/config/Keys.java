package tutti.common.config;

import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tutti.common.config.Key.Kind;

/**
 * Every flag. Names and defaults are torchrun's and Hugging Face TrainingArguments'; where a default differs, the help says
 * why. Each key has exactly one reader, a record of this package.
 */
public final class Keys {
    private static final String LAUNCH = "Launch (as torchrun)";
    private static final String MODEL = "Model and data";
    private static final String TRAIN = "Training (as TrainingArguments)";
    private static final String EVAL = "Evaluation in training (as TrainingArguments)";
    private static final String OUTPUT = "Output";
    private static final String CLUSTER = "Cluster";
    private static final String GUARDS = "Guards";

    public static final Key NPROC_PER_NODE = key(
            "nproc_per_node",
            Kind.WORD,
            "1",
            LAUNCH,
            "workers on each node, or one number for each as in 2,1,1, the same list everywhere; auto: one for each core");
    public static final Key NNODES = key(
            "nnodes",
            Kind.WORD,
            "1",
            LAUNCH,
            "number of nodes; MIN:MAX: nodes may come and go in a run, which waits only while there are fewer than MIN");
    public static final Key NODE_RANK =
            key("node_rank", Kind.INTEGER, "0", LAUNCH, "number of this node; node 0 starts the coordinator");
    public static final Key MASTER_ADDR =
            key("master_addr", Kind.WORD, "127.0.0.1", LAUNCH, "address of node 0, where the coordinator listens");
    public static final Key MASTER_PORT = key(
            "master_port",
            Kind.INTEGER,
            "0",
            LAUNCH,
            "port of the coordinator; 0: any free one (one node) or 29500 (more)");
    public static final Key RDZV_ENDPOINT =
            key("rdzv_endpoint", Kind.WORD, "", LAUNCH, "HOST:PORT, another way to give master_addr and master_port");
    public static final Key STANDALONE = key(
            "standalone", Kind.SWITCH, "false", LAUNCH, "one node, any free port; what happens anyway with one node");
    public static final Key RDZV_TIMEOUT =
            key("rdzv_timeout", Kind.INTEGER, "120", LAUNCH, "seconds in which every worker must have joined");
    public static final Key RDZV_LAST_CALL = key(
            "rdzv_last_call",
            Kind.INTEGER,
            "30",
            LAUNCH,
            "with --nnodes MIN:MAX: seconds in which more nodes may join, or join again, once enough are here");
    public static final Key MAX_RESTARTS = key(
            "max_restarts",
            Kind.INTEGER,
            "3",
            LAUNCH,
            "processes, the coordinator too, that are started again when they are lost; 0: one lost ends the run");
    public static final Key PREEMPTION_GRACE_SECONDS = key(
            "preemption_grace_seconds",
            Kind.INTEGER,
            "20",
            LAUNCH,
            "after SIGTERM or SIGUSR1: seconds for a checkpoint and the end, then it ends as it is; Kubernetes kills after 30");

    public static final Key MODEL_NAME_OR_PATH =
            key("model_name_or_path", Kind.WORD, "", MODEL, "folder in Hugging Face layout");
    public static final Key INIT_FROM_CONFIG = key(
            "init_from_config",
            Kind.SWITCH,
            "false",
            MODEL,
            "start from random weights: the folder needs config.json and tokenizer only");
    public static final Key MODEL_MAX_LENGTH =
            key("model_max_length", Kind.INTEGER, "512", MODEL, "longest sequence in tokens; see over_length");
    public static final Key DATA_PATH = key(
            "data_path",
            Kind.LIST,
            "",
            MODEL,
            "training files, or folders of them: JSON, JSON Lines, CSV, Parquet or text, also as .gz or .zst (not Parquet)");
    public static final Key DATASET_FORMAT = key(
            "dataset_format",
            Kind.WORD,
            "auto",
            MODEL,
            "what a sample is: sharegpt, messages, alpaca, prompt_completion, text, tokens, gsm8k, sql_create_context or dolly; "
                    + "auto: seen from its fields");
    public static final Key PROMPT_FIELD = key(
            "prompt_field",
            Kind.WORD,
            "",
            MODEL,
            "field with the prompt, instruction or question, where it has a name of its own; with none but this and completion_field "
                    + "the format is prompt_completion");
    public static final Key COMPLETION_FIELD =
            key("completion_field", Kind.WORD, "", MODEL, "field with the completion, output, response or answer");
    public static final Key INPUT_FIELD = key(
            "input_field",
            Kind.WORD,
            "",
            MODEL,
            "field with what an instruction is about (alpaca); beside prompt_field the format is alpaca");
    public static final Key CONTEXT_FIELD = key(
            "context_field",
            Kind.WORD,
            "",
            MODEL,
            "field with what a question is about; needs dataset_format dolly (it stands behind the question) or sql_create_context (before)");
    public static final Key SYSTEM_FIELD = key(
            "system_field",
            Kind.WORD,
            "",
            MODEL,
            "field with the system prompt (alpaca, sharegpt); beside prompt_field the format is alpaca");
    public static final Key MESSAGES_FIELD =
            key("messages_field", Kind.WORD, "", MODEL, "field with the list of turns (messages, sharegpt)");
    public static final Key TEXT_FIELD = key("text_field", Kind.WORD, "", MODEL, "field with plain text");
    public static final Key SAMPLE_BY = key(
            "sample_by",
            Kind.WORD,
            "line",
            MODEL,
            "what is one sample of a text file: line, paragraph (up to a blank line) or document (the file)");
    public static final Key CHAT_TEMPLATE = key(
            "chat_template",
            Kind.WORD,
            "",
            MODEL,
            "vicuna_v1.1, chatml, llama-2, alpaca, or a file with a Jinja template; default: the model folder's own, else vicuna_v1.1");
    public static final Key TRAIN_ON = key(
            "train_on",
            Kind.WORD,
            "assistant",
            MODEL,
            "assistant: all answers; completion: the last one alone; all: every token");
    public static final Key OVER_LENGTH = key(
            "over_length",
            Kind.WORD,
            "truncate",
            MODEL,
            "what becomes of samples longer than model_max_length: truncate, drop, or error");
    public static final Key ANSWER_AFTER = key(
            "answer_after",
            Kind.WORD,
            "",
            MODEL,
            "of plain text samples only what follows the last of these words is the answer, as in \"A:\": the rest is a prompt, "
                    + "which is not learned; empty: all of a text is learned");
    public static final Key SHUFFLE =
            key("shuffle", Kind.SWITCH, "true", MODEL, "new order each epoch from the seed; False: file order");
    public static final Key PACKING = key(
            "packing",
            Kind.SWITCH,
            "false",
            MODEL,
            "put samples together into packs of model_max_length tokens, by best fit, each with attention and positions of its own; a batch "
                    + "has per_device_train_batch_size packs");
    public static final Key GROUP_BY_LENGTH = key(
            "group_by_length",
            Kind.SWITCH,
            "false",
            MODEL,
            "batches of samples of like length, which need little padding");
    public static final Key DATA_WEIGHTS = key(
            "data_weights",
            Kind.LIST,
            "",
            MODEL,
            "one number for each entry of data_path: how often its samples are used in an epoch; 0.5: half of them, the others in the next");

    public static final Key CACHE_DIR = key(
            "cache_dir",
            Kind.WORD,
            "",
            MODEL,
            "where tokens of data sets above 64 MiB are kept for the next run; default: tutti in $XDG_CACHE_HOME, else ~/.cache/tutti");

    public static final Key BF16 = key(
            "bf16", Kind.SWITCH, "false", TRAIN, "matrices compute in bfloat16; master weights and sums stay float32");
    public static final Key PER_DEVICE_TRAIN_BATCH_SIZE = key(
            "per_device_train_batch_size",
            Kind.INTEGER,
            "8",
            TRAIN,
            "sequences of one micro-batch on one worker, or of each of its virtual ranks");
    public static final Key GRADIENT_ACCUMULATION_STEPS =
            key("gradient_accumulation_steps", Kind.INTEGER, "1", TRAIN, "micro-batches of one optimizer step");
    public static final Key VIRTUAL_RANKS = key(
            "virtual_ranks",
            Kind.INTEGER,
            "0",
            TRAIN,
            "ranks among which a step is dealt, however many workers hold them: the bits stay the same; a power of two on each "
                    + "worker; 0: one a worker");
    public static final Key GRADIENT_CHECKPOINTING = key(
            "gradient_checkpointing",
            Kind.POLICY,
            "auto",
            TRAIN,
            "what backward computes again to save memory: none (False), selective (norms and SwiGLU), full (True: all but "
                    + "block inputs), budget (as little as activation_memory_gb allows); auto: budget where that is given, else none");
    public static final Key ACTIVATION_MEMORY_GB = key(
            "activation_memory_gb",
            Kind.NUMBER,
            "0",
            TRAIN,
            "GiB of activations on a worker, for gradient_checkpointing budget; 0: no budget");
    public static final Key NUM_TRAIN_EPOCHS =
            key("num_train_epochs", Kind.NUMBER, "3", TRAIN, "passes over the data; a fraction is allowed");
    public static final Key MAX_STEPS =
            key("max_steps", Kind.INTEGER, "-1", TRAIN, "optimizer steps; when positive it overrides num_train_epochs");
    public static final Key LEARNING_RATE = key("learning_rate", Kind.NUMBER, "5e-5", TRAIN, "peak learning rate");
    public static final Key LR_SCHEDULER_TYPE = key(
            "lr_scheduler_type",
            Kind.WORD,
            "linear",
            TRAIN,
            "linear, cosine, cosine_with_restarts, polynomial, constant, constant_with_warmup, inverse_sqrt, cosine_with_min_lr, "
                    + "cosine_warmup_with_min_lr or warmup_stable_decay");
    public static final Key LR_SCHEDULER_KWARGS = key(
            "lr_scheduler_kwargs",
            Kind.OBJECT,
            "",
            TRAIN,
            "what the schedule takes besides, in transformers' words: '{\"min_lr_rate\": 0.1}'");
    public static final Key WARMUP_RATIO =
            key("warmup_ratio", Kind.NUMBER, "0", TRAIN, "share of all steps with a rising learning rate");
    public static final Key WARMUP_STEPS =
            key("warmup_steps", Kind.INTEGER, "0", TRAIN, "when positive it overrides warmup_ratio");
    public static final Key WEIGHT_DECAY =
            key("weight_decay", Kind.NUMBER, "0", TRAIN, "decoupled weight decay of matrices; norms have none");
    public static final Key ADAM_BETA1 = key("adam_beta1", Kind.NUMBER, "0.9", TRAIN, "AdamW's first moment decay");
    public static final Key ADAM_BETA2 = key("adam_beta2", Kind.NUMBER, "0.999", TRAIN, "AdamW's second moment decay");
    public static final Key ADAM_EPSILON = key("adam_epsilon", Kind.NUMBER, "1e-8", TRAIN, "AdamW's epsilon");
    public static final Key MAX_GRAD_NORM =
            key("max_grad_norm", Kind.NUMBER, "1.0", TRAIN, "clip the global gradient norm here; 0: never");
    public static final Key ZERO = key(
            "zero",
            Kind.INTEGER,
            "0",
            TRAIN,
            "1: each worker keeps and updates its shard of the optimizer state (ZeRO-1); 2: and of the summed gradients; 0: all of both");
    public static final Key SEED = key("seed", Kind.INTEGER, "42", TRAIN, "seed of every random choice of the run");
    public static final Key BACKEND =
            key("backend", Kind.WORD, "auto", TRAIN, "torch, nd4j or reference (float64, slow); auto takes torch");

    public static final Key DEVICE = key(
            "device",
            Kind.WORD,
            "auto",
            TRAIN,
            "cpu, or cuda: one CUDA device a worker, by its local rank; auto takes cuda in a build with -Pcuda");

    public static final Key EVAL_DATA_PATH = key(
            "eval_data_path",
            Kind.LIST,
            "",
            EVAL,
            "held-out files or folders, read as those of data_path: their loss and perplexity are measured while it trains");
    public static final Key EVAL_STRATEGY = key(
            "eval_strategy",
            Kind.WORD,
            "auto",
            EVAL,
            "when: no, steps or epoch, the last step always included; auto: epoch where eval_data_path is given "
                    + "(TrainingArguments: no)");
    public static final Key EVAL_STEPS = key(
            "eval_steps", Kind.INTEGER, "500", EVAL, "optimizer steps between evaluations, for eval_strategy steps");
    public static final Key EVAL_ON_START =
            key("eval_on_start", Kind.SWITCH, "false", EVAL, "before the first step, too: what the model knew before");
    public static final Key PER_DEVICE_EVAL_BATCH_SIZE = key(
            "per_device_eval_batch_size",
            Kind.INTEGER,
            "8",
            EVAL,
            "sequences of one micro-batch of an evaluation, and questions that are answered side by side; at most "
                    + "per_device_train_batch_size, whose memory they use");
    public static final Key EVAL_LIMIT =
            key("eval_limit", Kind.INTEGER, "1000", EVAL, "most samples to evaluate, the first ones of the files");
    public static final Key EVAL_METRIC = key(
            "eval_metric",
            Kind.LIST,
            "loss",
            EVAL,
            "loss, always; exact_match: answers the samples' last questions greedily and compares, which takes longer");
    public static final Key EVAL_RULE = key(
            "eval_rule",
            Kind.WORD,
            "auto",
            EVAL,
            "what of two answers exact_match compares: text (all but white space around), gsm8k (the number), sql (without differences of "
                    + "writing); auto: what the format of the samples has, else text");
    public static final Key EVAL_MAX_NEW_TOKENS =
            key("eval_max_new_tokens", Kind.INTEGER, "64", EVAL, "longest answer of an evaluation, in tokens");
    public static final Key SAMPLE_PROMPTS = key(
            "sample_prompts",
            Kind.WORD,
            "",
            EVAL,
            "a prompt that is answered greedily after each evaluation, or @FILE with one a line: shown, and kept in samples.jsonl; a "
                    + "question of a chat where the evaluation's samples are chats");
    public static final Key LOAD_BEST_MODEL_AT_END = key(
            "load_best_model_at_end",
            Kind.SWITCH,
            "false",
            EVAL,
            "the final model is that of the best checkpoint that was evaluated, which save_total_limit leaves alone");
    public static final Key METRIC_FOR_BEST_MODEL = key(
            "metric_for_best_model",
            Kind.WORD,
            "eval_loss",
            EVAL,
            "eval_loss, of which less is better, or exact_match, of which more is");

    public static final Key OUTPUT_DIR = key("output_dir", Kind.WORD, "", OUTPUT, "where everything is written");
    public static final Key OVERWRITE_OUTPUT_DIR = key(
            "overwrite_output_dir",
            Kind.SWITCH,
            "false",
            OUTPUT,
            "empty a folder that an earlier run wrote, then use it");
    public static final Key SAVE_STRATEGY =
            key("save_strategy", Kind.WORD, "steps", OUTPUT, "when to write checkpoints: no, steps or epoch");
    public static final Key SAVE_STEPS =
            key("save_steps", Kind.INTEGER, "500", OUTPUT, "optimizer steps between checkpoints");
    public static final Key SAVE_MINUTES = key(
            "save_minutes",
            Kind.NUMBER,
            "0",
            OUTPUT,
            "a checkpoint when the last one is so many minutes old, beside those of save_strategy; 0: none by the clock");
    public static final Key SAVE_TOTAL_LIMIT = key(
            "save_total_limit",
            Kind.INTEGER,
            "0",
            OUTPUT,
            "keep the newest so many checkpoints, deleting older ones when a newer one is committed; 0: all");
    public static final Key SAVE_FINAL_MODEL =
            key("save_final_model", Kind.SWITCH, "true", OUTPUT, "write the final model to output_dir");
    public static final Key RESUME_FROM_CHECKPOINT = key(
            "resume_from_checkpoint",
            Kind.WORD,
            "",
            OUTPUT,
            "a checkpoint folder, or True for the newest whole one in output_dir");
    public static final Key LOGGING_STEPS = key(
            "logging_steps",
            Kind.INTEGER,
            "1",
            OUTPUT,
            "steps between lines of metrics.jsonl (TrainingArguments: 500)");

    public static final Key LEDGER = key(
            "ledger",
            Kind.WORD,
            "",
            OUTPUT,
            "jdbc:postgresql://HOST/DATABASE: where the coordinator keeps its decisions, the password in PGPASSWORD or ~/.pgpass; empty: "
                    + "ledger.mv.db in output_dir");

    public static final Key CONSOLE_HOST =
            key("console_host", Kind.WORD, "127.0.0.1", CLUSTER, "address of the console");
    public static final Key CONSOLE_PORT =
            key("console_port", Kind.INTEGER, "0", CLUSTER, "port of the console; 0: any free one");
    public static final Key BUCKET_CAP_MB =
            key("bucket_cap_mb", Kind.NUMBER, "25", CLUSTER, "MiB of gradients per all-reduce");
    public static final Key REDUCE_DTYPE = key(
            "reduce_dtype",
            Kind.WORD,
            "float32",
            CLUSTER,
            "what gradients travel as between nodes, the same on all nodes: float32, or bfloat16, half the bytes: what a node sends is "
                    + "rounded; sums are float32 in any case, and inside a node nothing is rounded");
    public static final Key ALLREDUCE_TIMEOUT = key(
            "allreduce_timeout",
            Kind.INTEGER,
            "30",
            CLUSTER,
            "seconds without progress after which a peer counts as lost");
    public static final Key SECURE_GRADIENTS = key(
            "secure_gradients",
            Kind.SWITCH,
            "false",
            CLUSTER,
            "sign each frame between workers (HMAC-SHA-256, a new key for each run from the coordinator), on all nodes if node 0 "
                    + "says so; sums in memory that the workers of a node share are private to the user and need none");

    public static final Key ON_NONFINITE = key(
            "on_nonfinite",
            Kind.WORD,
            "stop",
            GUARDS,
            "gradients that are infinite or NaN: stop the run, skip the step's update, or rollback to the last checkpoint and leave out "
                    + "the samples since then; the same on all nodes");
    public static final Key LOSS_SPIKE_ZSCORE = key(
            "loss_spike_zscore",
            Kind.NUMBER,
            "6",
            GUARDS,
            "report a loss that is so many standard deviations above the mean of the 50 before it; 0: none");

    /** Names that TrainingArguments has had before. */
    private static final Map<String, Key> OLDER_NAMES = Map.of("evaluation_strategy", EVAL_STRATEGY);

    private static final Map<String, Key> ALL = collect();

    private Keys() {}

    private static Key key(String name, Kind kind, String fallback, String group, String help) {
        return new Key(name, kind, fallback, group, help);
    }

    /** In the order of this page. */
    public static List<Key> all() {
        return List.copyOf(ALL.values());
    }

    /** Other names under which this key is known. */
    public static List<String> olderNames(Key key) {
        return OLDER_NAMES.entrySet().stream()
                .filter(older -> older.getValue().equals(key))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** The name of today. */
    static String newName(String name) {
        return OLDER_NAMES.containsKey(name) ? OLDER_NAMES.get(name).name() : name;
    }

    static Map<String, Key> byName() {
        return ALL;
    }

    private static Map<String, Key> collect() {
        Map<String, Key> keys = new LinkedHashMap<>();
        Arrays.stream(Keys.class.getDeclaredFields())
                .filter(field -> field.getType() == Key.class && Modifier.isStatic(field.getModifiers()))
                .forEach(field -> {
                    try {
                        Key key = (Key) field.get(null);
                        keys.put(key.name(), key);
                    } catch (IllegalAccessException e) {
                        throw new ExceptionInInitializerError(e);
                    }
                });
        return keys;
    }
}
