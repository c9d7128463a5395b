//! What a map is evidence of, and what it is not.

/// What the window says about the evidence of maps.
#[derive(Debug)]
pub struct EvidenceTexts {
    /// Opens the explanation.
    pub about: &'static str,
    /// Line under maps of the SVA.
    pub sva: &'static str,
    /// Line under maps of a token's attention.
    pub token: &'static str,
    /// Line under what an encoder was shown.
    pub input: &'static str,
    /// Line under shares: an encoder's name and its part of uniform attention in percent.
    uniform: fn(&str, f64) -> String,
    /// Shows lift instead.
    pub show_lift: &'static str,
    /// Line under maps of a pass with an intervention; what was switched off follows.
    pub intervened: &'static str,
    /// Heading and text: which rung of evidence this is.
    pub rung: (&'static str, &'static str),
    /// The question makes no difference.
    pub question: (&'static str, &'static str),
    /// What C and S layers are.
    pub layers: (&'static str, &'static str),
    /// The question makes a difference.
    pub token_question: (&'static str, &'static str),
    /// Heading about windows.
    pub windows_heading: &'static str,
    /// Keys of a cell; a list of encoders with their parts of uniform attention stands in between.
    pub windows: (&'static str, &'static str),
    /// Tokens are not patches.
    pub tokens: (&'static str, &'static str),
    /// Padding.
    pub padding: (&'static str, &'static str),
}

impl EvidenceTexts {
    /// Uniform attention already gives `encoder` this part.
    pub fn uniform(&self, encoder: &str, part: f64) -> String {
        (self.uniform)(encoder, part * 100.0)
    }
}

pub(super) const ENGLISH: EvidenceTexts = EvidenceTexts {
    about: "What this map can and cannot say",
    sva: "Evidence: attention (correlational): where the model attended, not how much it contributed.",
    token: "Evidence: attention of one token (correlational): where the model attended, not how much it contributed.",
    input: "No evidence: the pixels this encoder was given, before any attention.",
    uniform: |encoder, percent| format!("Uniform attention alone would give {encoder} a share of {percent:.0} %."),
    show_lift: "Show lift",
    intervened: "Attention under an intervention:",
    rung: (
        "Attention is correlational evidence",
        "A map of attention says where the model attended. It does not say how much was written from there, how sensitive \
         the answer is to it, or whether the answer needed it. Those are other rungs of evidence: value-weighted norms, \
         gradients, and interventions. Only an intervention shows what an answer depends on.",
    ),
    question: (
        "The question plays no part",
        "The SVA runs over the picture before the question is read, so these maps are the same for every question about \
         this picture. Those of sampler layers depend on the system prompt, which stands before the picture. What does depend on the question is the language model's own attention: select a token \
         of the answer.",
    ),
    layers: (
        "C and S",
        "C1, C2, … are SVA connector layers: they run before the language model. S0, S3, … are SVA sampler layers: they run \
         between its layers, each after the decoder layer of its number. Both attend to the same encoders.",
    ),
    token_question: (
        "The question plays a part",
        "This is the language model's attention from one token to the visual tokens, after it has read the question. Each \
         visual token already mixes what the SVA and earlier layers brought to its place.",
    ),
    windows_heading: "Some encoders have more keys",
    windows: (
        "A cell attends to a window of each encoder's tokens. If it attended to all of them alike, the encoders would \
         have these shares:",
        "A large share may therefore be nothing but a large window. Lift divides by it.",
    ),
    tokens: (
        "A token is not a patch",
        "Features were resampled to these grids before the SVA read them, and each has seen more of the picture than its \
         own place. A bright token means that its features were read, not that only the pixels under it mattered.",
    ),
    padding: (
        "Hatched cells are padding",
        "They lie wholly beside the picture. The model lets them attend all the same; here they are left out of maps, \
         ranges and means.",
    ),
};

pub(super) const CHINESE: EvidenceTexts = EvidenceTexts {
    about: "这张图能说明什么，不能说明什么",
    sva: "证据：注意力（相关性）：表示模型关注了哪里，不代表其贡献。",
    token: "证据：单个词元的注意力（相关性）：表示模型关注了哪里，不代表其贡献。",
    input: "并非证据：该编码器得到的像素，尚未经过任何注意力。",
    uniform: |encoder, percent| format!("仅均匀注意力就会给 {encoder} {percent:.0}% 的占比。"),
    show_lift: "改看提升度",
    intervened: "干预之下的注意力：",
    rung: (
        "注意力是相关性证据",
        "注意力图说明模型关注了哪里，但不说明从那里写入了多少、回答对它有多敏感、回答是否需要它。那些属于证据的其他层级：\
         按值加权的范数、梯度，以及干预。只有干预才能显示回答依赖什么。",
    ),
    question: (
        "与问题无关",
        "SVA 在读到问题之前就处理完图片，因此对同一张图片的任何问题，这些图都相同；采样层的图还取决于图片之前的系统提示。真正随问题变化的是语言模型自己的注意力：\
         请在回答中选择一个词元。",
    ),
    layers: (
        "C 与 S",
        "C1、C2…是 SVA 连接器层，在语言模型之前运行。S0、S3…是 SVA 采样层，在语言模型各层之间运行，数字是它所跟随的解码器层。\
         两者关注的是同样的编码器。",
    ),
    token_question: (
        "与问题有关",
        "这是语言模型读过问题之后，从一个词元到各视觉词元的注意力。每个视觉词元已经混合了 SVA 与之前各层带到该位置的内容。",
    ),
    windows_heading: "有的编码器键更多",
    windows: (
        "每个单元格关注各编码器的一个词元窗口。如果对所有键一视同仁，各编码器的占比会是：",
        "所以占比大可能只是因为窗口大。提升度已除去这一影响。",
    ),
    tokens: (
        "词元不是图块",
        "特征在 SVA 读取之前已重采样到这些网格上，而且每个特征看到的都不止自己的位置。词元亮表示它的特征被读取，并不表示只有\
         它下面的像素起作用。",
    ),
    padding: ("斜线单元格是填充", "它们完全在图片之外。模型仍然允许它们产生注意力；这里不把它们计入图、范围和平均值。"),
};
