//! Memory, devices, and what is good to know of a checkpoint that is loaded.

/// Sentences and their translations.
pub(super) const SAID: &[(&str, &str)] = &[
    // Memory and devices.
    ("keys and values of {} positions take {}, and {} are available", "{0} 个位置的键和值需要 {1}，可用 {2}"),
    ("the checkpoint needs {}, and {} are available", "该检查点需要 {0}，可用 {1}"),
    (
        "the checkpoint needs {}, and {} are available of the {} this process may have (ulimit {})",
        "该检查点需要 {0}，可用 {1}；此进程最多可用 {2}（ulimit {3}）",
    ),
    (
        "it takes at least {}: close other programs, or open a smaller checkpoint",
        "至少需要 {0}：请关闭其他程序，或打开更小的检查点",
    ),
    ("{}; this process is limited to {} MB and has {} MB", "{0}；此进程限用 {1} MB，已用 {2} MB"),
    ("{} cannot be read", "无法读取 {0}"),
    ("{} takes {} MB to be mapped", "映射 {0} 需要 {1} MB"),
    ("{} bytes for the weight `{}`", "权重“{1}”需要 {0} 字节"),
    ("device {} cannot be used: {}", "无法使用设备 {0}：{1}"),
    // Between two checkpoints.
    ("{} is no part of the way from one checkpoint to another", "{0} 不能表示从一个检查点到另一个的位置"),
    (
        "give a number: 0 is the first checkpoint, 1 the second, 0.5 their mean",
        "请给出一个数：0 为第一个检查点，1 为第二个，0.5 为两者的平均",
    ),
    (
        "describes another model than the first checkpoint's: nothing lies between the two",
        "描述的模型与第一个检查点不同：两者之间没有可插值的模型",
    ),
    (
        "has another tokenizer than the first checkpoint: rows of the two token tables are not of the same words",
        "的分词器与第一个检查点不同：两个词元表的同一行并非同一个词",
    ),
    (
        "is an encoder that is shown another picture, or gives other features, than that of the first checkpoint",
        "这个编码器看到的图片或给出的特征与第一个检查点的不同",
    ),
    (
        "choose two checkpoints of one model: fine-tunes, or stages of one training",
        "请选择同一模型的两个检查点：微调结果，或同一次训练的不同阶段",
    ),
    // Good to know.
    (
        "weights are kept as {} and widened to f32 inside every product: the CPU computes in f32",
        "权重以 {0} 保存，在每次乘积中扩展为 f32：CPU 以 f32 计算",
    ),
    (
        "the checkpoint suggests {}; tokens are chosen as each question says, the most likely one unless it says \
         otherwise, as in the reference's evaluation",
        "检查点建议 {0}；词元按每个问题的设置选取，未设置时取最可能的一个，与参考实现的评测相同",
    ),
    (
        "{} has fields that this program does not know and does not obey: {}. If one of them changes what the model \
         computes, the numbers here are not the model's",
        "{0} 中有本程序不认识也不遵从的字段：{1}。如果其中某个会改变模型的计算，这里的数值便不是该模型的",
    ),
    (
        "{} names weights that no file holds and the model does not need: {}",
        "{0} 提到的一些权重不在任何文件中，模型也不需要：{1}",
    ),
    (
        "its weights in {} are kept from an earlier opening (opabinia cache ls)",
        "已保存以前打开时量化好的 {0} 权重（opabinia cache ls）",
    ),
    (
        "encoders leave memory when they have looked at a picture, and are read again for the next one (--keep-encoders yes: \
         they stay)",
        "视觉编码器处理完图片后让出内存，下一张图片时再重新读取（--keep-encoders yes 可让其常驻）",
    ),
    (
        "`{}` does not say whether encoders stay: use auto, yes or no",
        "“{0}”不能说明编码器是否常驻：请用 auto、yes 或 no",
    ),
    ("`{}` is not in the cache", "“{0}”不在缓存中"),
    ("`opabinia cache ls` lists what is in it", "用 opabinia cache ls 查看缓存中的内容"),
    ("shared with a model that is open, and in memory already ({}): {}", "与已打开的模型共用，已在内存中（{0}）：{1}"),
    (
        "config.json names no rope_theta: the rotary embedding has the base {}, as in transformers. If the model was \
         trained with another (Llama 3: 500000), its answers are wrong until the field is put back",
        "config.json 没有 rope_theta：旋转位置编码的底数取 {0}，与 transformers 相同。如果模型用别的值训练（Llama 3：500000），\
         在补回该字段之前其回答是错误的",
    ),
    (
        "config.json gives a sliding_window ({}), which decoders of this kind do not have: every position sees all before \
         it, as in the reference",
        "config.json 给出了 sliding_window（{0}），而此类解码器没有滑动窗口：每个位置都能看到它之前的所有位置，与参考实现相同",
    ),
    ("the program needs {} MB to start working", "程序需要 {0} MB 才能开始工作"),
    ("`{}` is no device: use auto, cpu, cuda:N or metal", "“{0}”不是设备：请用 auto、cpu、cuda:N 或 metal"),
    ("`{}` is no form of weights: use auto, {}", "“{0}”不是权重的类型：请用 auto、{1}"),
    ("`{}` is no way to compute: use auto, exact or fast", "“{0}”不是计算方式：请用 auto、exact 或 fast"),
    ("weights in {} are multiplied on the CPU only", "类型为 {0} 的权重只能在 CPU 上相乘"),
    ("use --device cpu, or --weights bf16", "在“计算设备”中选择 CPU，或在“权重”中选择 bf16"),
    (
        "activations are rounded to bf16 inside products with weights (--compute exact: f32)",
        "与权重相乘时，激活值舍入为 bf16（精确计算时为 f32）",
    ),
    (
        "tokens and up to 64 positions at once: activations are rounded to bf16 inside products with weights; encoders and \
         longer prompts: f32 (--compute exact: f32)",
        "生成词元以及一次不超过 64 个位置时，与权重相乘的激活值舍入为 bf16；编码器和更长的提示按 f32 计算（精确计算时全部为 f32）",
    ),
    (
        "activations are rounded to 8 bits, with a scale for 32 of them, inside products with weights in {} \
         (--compute exact: f32)",
        "与类型为 {0} 的权重相乘时，激活值舍入为 8 位，每 32 个共用一个缩放系数（精确计算时为 f32）",
    ),
    (
        "the template {} is written with {}, which this tokenizer does not have: the model will read them as \
         letters. Choose another --template",
        "提示模板 {0} 中用到 {1}，而此分词器没有：模型会把它们当作普通字母来读。请选择另一个提示模板",
    ),
    (
        "config.json says training put the image at position {}; with the template {} it stands at {}. The samplers \
         use the real position. If answers are poor, try another --template",
        "config.json 表明训练时图片在位置 {0}；采用提示模板 {1} 时它在位置 {2}。采样层使用实际位置。如果回答不佳，请\
         换一个提示模板",
    ),
    (
        "config.json says that the encoders were trained along (unfreeze_mm_vision_tower), and checkpoints do not \
         hold them: with encoders as they were released the numbers are others. Name the trained ones with --tower",
        "config.json 表明编码器曾一同训练（unfreeze_mm_vision_tower），而检查点中没有它们：使用发布的编码器时，得到\
         的数值会不同。请在编码器名称旁指定训练后的编码器",
    ),
    ("a tokenizer with the token {}", "含有词元 {0} 的分词器"),
    ("{} of the {} this process may have (ulimit {})", "{0}（此进程最多可用 {1}，ulimit {2}）"),
    // Faults of the program.
    ("window attention on the CPU needs f32 in host memory", "CPU 上的窗口注意力需要主机内存中的 f32"),
    ("window attention on the CPU needs contiguous tensors", "CPU 上的窗口注意力需要连续的张量"),
    ("the projection of zeros", "零的投影"),
    ("{} was not computed for encoder {}", "没有为编码器 {1} 计算{0}"),
    ("an SVA without encoders", "没有编码器的 SVA"),
];
