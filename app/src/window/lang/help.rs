//! The guide, the glossary, and what is done without a command.

/// A heading or a word, and what there is to say about it.
type Entries = &'static [(&'static str, &'static str)];

/// What the window's help says.
#[derive(Debug)]
pub struct HelpTexts {
    /// The guide: headings with a paragraph each.
    pub guide: Entries,
    /// The glossary: words with their meanings.
    pub glossary: Entries,
    /// Heading of the keys of commands.
    pub everywhere: &'static str,
    /// Heading of gestures on maps.
    pub on_map: &'static str,
    /// Gestures and keys on maps.
    pub map_gestures: Entries,
    /// Heading of keys in the field for questions.
    pub in_question: &'static str,
    /// Keys in the field for questions.
    pub question_keys: Entries,
}

pub(super) const ENGLISH: HelpTexts = HelpTexts {
    guide: &[
        (
            "What the maps show",
            "Cambrian-1 looks at an image with several encoders. Its Spatial Vision Aggregator (SVA) fuses them: every cell of a \
             query grid attends to a window of each encoder's tokens. The maps show these attention probabilities, recorded \
             in the forward pass itself. They are made before the question is read, so they are the same for every question \
             about the image. Connector layers see the image alone; sampler layers also depend on the system prompt before it.",
        ),
        (
            "Reading them",
            "The small maps show one encoder each, the large one that which is chosen, all on the same range of colours unless \
             you say otherwise. Point at a cell to read its values; click it for all of its numbers in the inspector. Layers \
             and heads that are chosen together are averaged, or their maximum is taken.",
        ),
        (
            "Which quantity",
            "Share is an encoder's part of a cell's attention. It grows with the encoder's window: with 16 of 19 keys an \
             encoder has 84 % even if nothing is preferred. Lift divides that out: 0 is as much as uniform attention gives, \
             +1 twice as much, −1 half. Entropy says in bits how spread out a cell's attention is over all of its keys; \
             normalized entropy divides by that of uniform attention. Dominant is the encoder with the highest lift.",
        ),
        (
            "Connector and sampler layers",
            "C1, C2, … run before the language model and make the visual tokens. S0, S3, … run between its layers, each after \
             the decoder layer of its number, and let the visual tokens attend to the encoders once more.",
        ),
        (
            "One token's attention",
            "Select a token of an answer, and then Selected token above the maps: they show where the language model attended \
             in the image when it chose this token. That does depend on the question and on the answer so far. The visual \
             tokens have mixed with one another by then and are no longer patches of the image.",
        ),
        (
            "What attention may claim",
            "Attention is correlational evidence: it says where the model attended. It does not say how much was written from \
             there (contribution norm), how sensitive the answer is to it (gradient), or whether the answer needed it. Only \
             an intervention, in which something is switched off or replaced and the answer is computed again, shows what an \
             answer depends on. A bright cell is a question to test, not a result.",
        ),
        (
            "A cell is not a patch",
            "Features were resampled to each encoder's token grid before the SVA read them, and each has seen more of the image \
             than its own place. Images are padded to a square first; cells that lie wholly in the padding are hatched and \
             left out of maps, ranges and means.",
        ),
        (
            "Comparing",
            "Compare colours only on one range: “Each its own” shows the shape of each map and no more. Compare numbers between \
             machines only with weights kept as f32 on the CPU; narrower weights change them slightly.",
        ),
        (
            "Taking it away",
            "The File menu writes the maps as PNG, their numbers as CSV, the whole trace as safetensors, and a recipe from which \
             `opabinia render --recipe` makes the same picture again.",
        ),
    ],
    glossary: &[
        ("Activations", "Intermediate results of a forward pass, which need memory beside the weights."),
        ("Alternatives", "The most likely tokens at one place of an answer, with their probabilities."),
        ("Cell", "One entry (row, column) of the query grid, counted from 0."),
        ("Checkpoint", "A folder with a model's weights and configuration."),
        (
            "Connector layer (C)",
            "An SVA layer before the language model. It makes the visual tokens out of all encoders.",
        ),
        ("Dominant", "The encoder with the highest lift in a cell."),
        ("Encoder", "A pretrained vision network. The released models have SigLIP, CLIP, DINOv2 and ConvNeXt."),
        (
            "Encoder input",
            "The pixels an encoder was given: padded to a square in its own colour, resized, normalised.",
        ),
        ("Entropy", "How spread out a cell's attention is over all of its keys, in bits: 0 if it reads one key alone."),
        (
            "Evidence",
            "What a number supports: attention, contribution norm, gradient, or intervention. Maps here are attention.",
        ),
        ("Head", "One of the 16 parallel attentions of an SVA layer."),
        (
            "Intervention",
            "A change made on purpose to a forward pass, such as switching off an encoder, to measure its effect.",
        ),
        ("Key", "One token of one encoder within a cell's window: what a cell can attend to."),
        (
            "KV cache",
            "What attention needs of all positions so far, kept so that the next token costs one position only.",
        ),
        ("Lift", "log₂ of share ÷ the share that uniform attention over the cell's unmasked keys would give."),
        ("Masked", "A key that this cell may not attend to."),
        ("Newline token", "A token after each row of visual tokens, so that the language model knows where rows end."),
        (
            "Normalized entropy",
            "Entropy ÷ entropy of uniform attention over the same keys: 1 is as spread out as can be.",
        ),
        ("Padded frame", "The square query grid on which the connector works, padding included."),
        ("Padding", "What was added to make the image square. Cells wholly in it say nothing about the image."),
        ("Prefill", "The pass of the language model over the whole prompt, before the first token of the answer."),
        (
            "Query grid",
            "The grid of learned SVA queries, 24 × 24 in the released models: one visual token for each cell.",
        ),
        ("Rank", "A token's place among all tokens by probability; 1 is the most likely."),
        (
            "Sampler layer (S)",
            "An SVA layer between layers of the language model. Visual tokens attend to all encoders once more.",
        ),
        ("Share", "The sum of a cell's attention probabilities on one encoder; the shares of a cell sum to 1."),
        ("SVA", "Spatial Vision Aggregator: the cross-attention that fuses all encoders, window by window."),
        ("Trace", "All SVA attention probabilities of one forward pass."),
        (
            "Unpadded frame",
            "The grid left when rows or columns of padding are cut: what samplers and language model see.",
        ),
        ("Visual token", "What one cell of the query grid becomes for the language model."),
        (
            "Window",
            "The m × m tokens of one encoder that one cell may attend to. They cover the same part of the image in all.",
        ),
    ],
    everywhere: "Commands",
    on_map: "On a map",
    map_gestures: &[
        ("Click", "Select a cell, or let go of it"),
        ("Double-click, Home", "Show the whole picture"),
        ("Scroll, pinch, + and −", "Zoom"),
        ("Drag", "Move what is zoomed"),
        ("Arrow keys", "Select the cell beside the selected one"),
        ("Esc", "Let go of the selected cell"),
        ("X held", "With A and B swapped or wiped: exchange them"),
        ("Drag over layers or heads", "Choose a range; Ctrl-click adds one, Shift-click extends"),
    ],
    in_question: "In the question",
    question_keys: &[
        ("Enter", "Ask"),
        ("Shift+Enter", "Begin a new line"),
        ("Esc", "Stop the answer"),
        ("Ctrl+V", "Paste text, or a picture to ask about"),
    ],
};

pub(super) const CHINESE: HelpTexts = HelpTexts {
    guide: &[
        (
            "注意力图显示什么",
            "Cambrian-1 用多个编码器看同一张图片，再由空间视觉聚合器（SVA）融合：查询网格的每个单元格关注各编码器的一个词元窗口。\
             注意力图显示的就是前向计算中记录下来的这些注意力概率。它们在模型读到问题之前就已得出，所以对同一张图片的任何问题\
             都相同。连接器层只取决于图片；SVA 采样层还取决于图片之前的系统提示。",
        ),
        (
            "怎样看图",
            "小图各显示一个编码器，大图显示所选的编码器；除非另行选择，所有图使用同一颜色范围。指向单元格可读取数值，点击后检查器会\
             列出它的全部数值。同时选中的层与注意力头取平均值或最大值。",
        ),
        (
            "选哪个量",
            "占比是单元格的注意力中属于某个编码器的部分，窗口越大占比越大：19 个键中有 16 个的编码器，即使毫无偏好也占 84%。提升度\
             除去了这一影响：0 表示与均匀注意力相同，+1 表示两倍，−1 表示一半。熵以比特表示单元格的注意力在全部键上有多分散；\
             归一化熵再除以均匀注意力的熵。主导编码器是提升度最高的编码器。",
        ),
        (
            "连接器层与采样层",
            "C1、C2…在语言模型之前运行，生成视觉词元。S0、S3…在语言模型各层之间运行，数字是它所跟随的解码器层，视觉词元在此再次关注\
             各编码器。",
        ),
        (
            "单个词元的注意力",
            "在回答中选择一个词元，再点注意力图上方的“所选词元”：图上显示语言模型选择它时关注了图片的哪些位置。这取决于问题和已生成\
             的回答。此时视觉词元已经相互混合，不再对应图片上的单个图块。",
        ),
        (
            "注意力能说明什么",
            "注意力是相关性证据：它说明模型关注了哪里，不代表其贡献。它不说明从那里写入了多少（贡献范数）、回答对它有多敏感（梯度），\
             也不说明回答是否需要它。只有干预，即把某部分关掉或替换后重新计算回答，才能显示回答依赖什么。亮的单元格是有待检验的问题，\
             不是结论。",
        ),
        (
            "单元格不是图块",
            "特征在 SVA 读取之前已重采样到各编码器的词元网格上，而且每个特征看到的都不止自己的位置。图片先被填充成正方形；完全在填充\
             之中的单元格画有斜线，不计入图、范围和平均值。",
        ),
        (
            "比较",
            "只有在同一颜色范围内才可比较颜色：“各自范围”只显示每张图的形状。只有在 CPU 上以 f32 保存权重时，不同机器的数值才可相互\
             比较；较窄的权重会使数值略有变化。",
        ),
        (
            "带走结果",
            "“文件”菜单可写出注意力图（PNG）、数值（CSV）、完整的注意力记录（safetensors），以及配方：运行 `opabinia render --recipe` 可\
             重现同一张图。",
        ),
    ],
    glossary: &[
        ("激活值", "前向计算的中间结果，在权重之外还需要内存。"),
        ("备选词元", "回答中某个位置上最可能的词元及其概率。"),
        ("单元格", "查询网格的一项（行，列），从 0 数起。"),
        ("检查点", "存放模型权重与配置的文件夹。"),
        ("SVA 连接器层（C）", "语言模型之前的 SVA 层，由全部编码器生成视觉词元。"),
        ("主导编码器", "单元格中提升度最高的编码器。"),
        ("编码器", "预训练的视觉网络。已发布的模型有 SigLIP、CLIP、DINOv2 和 ConvNeXt。"),
        ("编码器输入", "编码器实际得到的像素：以它自己的颜色填充成正方形，再缩放、归一化。"),
        ("熵", "单元格的注意力在全部键上有多分散，单位为比特；只读一个键时为 0。"),
        ("证据", "一个数值支持什么：注意力、贡献范数、梯度或干预。这里的图都是注意力。"),
        ("注意力头", "SVA 层中 16 份并行的注意力之一。"),
        ("干预", "为测量影响而有意改变前向计算，例如关掉一个编码器。"),
        ("键", "单元格的窗口内某个编码器的一个词元，即它可以关注的对象。"),
        ("KV 缓存", "保存此前所有位置的键与值，使下一个词元只需计算一个位置。"),
        ("提升度", "占比 ÷ 对单元格未屏蔽的键均匀注意时的占比，取 log₂。"),
        ("已屏蔽", "此单元格不可关注的键。"),
        ("换行词元", "每行视觉词元之后的一个词元，让语言模型知道一行到此结束。"),
        ("归一化熵", "熵 ÷ 同样这些键上均匀注意力的熵：1 表示最分散。"),
        ("填充后的网格", "连接器所用的正方形查询网格，包括填充。"),
        ("填充", "为使图片成为正方形而添加的部分。完全在其中的单元格与图片无关。"),
        ("预填充", "语言模型在生成回答的首个词元之前，对整个提示的一次计算。"),
        ("查询网格", "由可学习的 SVA 查询组成的网格，已发布的模型为 24 × 24：每个单元格对应一个视觉词元。"),
        ("排名", "词元按概率在所有词元中的位置；1 为最可能。"),
        ("SVA 采样层（S）", "语言模型各层之间的 SVA 层，视觉词元在此再次关注全部编码器。"),
        ("占比", "单元格对某个编码器的注意力概率之和；同一单元格的占比之和为 1。"),
        ("SVA", "空间视觉聚合器：逐窗口融合全部编码器的交叉注意力。"),
        ("注意力记录", "一次前向计算的全部 SVA 注意力概率。"),
        ("去填充后的网格", "去掉填充的行或列之后的网格，即采样层与语言模型所见。"),
        ("视觉词元", "查询网格的一个单元格在语言模型中的对应。"),
        ("窗口", "一个单元格可以关注的某个编码器的 m × m 个词元。各编码器的窗口覆盖图片的同一部分。"),
    ],
    everywhere: "命令",
    on_map: "在注意力图上",
    map_gestures: &[
        ("点击", "选择单元格，或取消选择"),
        ("双击、Home", "显示整张图片"),
        ("滚动、捏合、+ 与 −", "缩放"),
        ("拖动", "移动放大后的图"),
        ("方向键", "选择相邻的单元格"),
        ("Esc", "取消选择单元格"),
        ("按住 X", "互换或分隔线方式下：交换 A 与 B"),
        ("在层或注意力头上拖动", "选择一段；按住 Ctrl 点击可增减，按住 Shift 点击可延伸"),
    ],
    in_question: "在问题中",
    question_keys: &[
        ("回车", "提问"),
        ("Shift+回车", "换行"),
        ("Esc", "停止回答"),
        ("Ctrl+V", "粘贴文字，或要提问的图片"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_explain_the_same_things() {
        assert_eq!(ENGLISH.guide.len(), CHINESE.guide.len());
        assert_eq!(ENGLISH.glossary.len(), CHINESE.glossary.len());
        assert_eq!(ENGLISH.map_gestures.len(), CHINESE.map_gestures.len());
        assert_eq!(ENGLISH.question_keys.len(), CHINESE.question_keys.len());
    }
}
