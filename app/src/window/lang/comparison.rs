//! Comparing the two checkpoints that are open.

use opabinia_engine::compare::{Counts, FindingKind};

/// What is said of the model between two checkpoints.
#[derive(Debug)]
pub struct BetweenTexts {
    /// What it is.
    pub title: &'static str,
    /// What λ means.
    pub lambda: &'static str,
    /// Asks it.
    pub ask: &'static str,
    /// What that does.
    pub ask_tip: &'static str,
    /// Shows its maps.
    pub maps: &'static str,
    /// What that does.
    pub maps_tip: &'static str,
    /// Closes it.
    pub close: &'static str,
    /// What that does.
    pub close_tip: &'static str,
}

/// What the window says while two checkpoints are compared.
#[derive(Debug)]
pub struct ComparisonTexts {
    /// The model between both.
    pub between: BetweenTexts,
    /// The panel.
    pub panel: &'static str,
    /// Looks at both sides.
    pub both: &'static str,
    /// Looks at one of them alone; its letter follows.
    pub only: &'static str,
    /// Before the field for what a person calls a checkpoint.
    pub name: &'static str,
    /// B takes the place of A.
    pub promote: &'static str,
    /// What that does.
    pub promote_tip: &'static str,
    /// Scores each answer on the other side.
    pub cross: &'static str,
    /// What that does.
    pub cross_tip: &'static str,
    /// It is being done.
    pub crossing: &'static str,
    /// It cannot be done: the tokenizers differ.
    pub other_tokenizers: &'static str,
    /// Heading of the scores of both answers on both sides.
    pub crossed: &'static str,
    /// Columns: under A, under B.
    pub under: [&'static str; 2],
    /// Rows: the answer of A, of B.
    pub answer_of: [&'static str; 2],
    /// After how many tokens the answers part, and the KL divergence there, from A to B and from B to A.
    pub parting: fn(usize, Option<[f64; 2]>) -> String,
    /// Parts of the page: answers, attention, evidence, checkpoints.
    pub tabs: [&'static str; 4],
    /// There are no two answers to measure anything of.
    pub no_evidence: &'static str,
    /// Measures what both answers rest on.
    pub measure_both: &'static str,
    /// What that does.
    pub measure_both_tip: &'static str,
    /// Each side's numbers are of its own answer.
    pub own_answers: &'static str,
    /// Heading of the list of cells that differ most.
    pub most: &'static str,
    /// Asks both sides.
    pub ask_both: &'static str,
    /// What that does.
    pub ask_both_tip: &'static str,
    /// The picture has not been read yet.
    pub picture_first: &'static str,
    /// Changes the sides' places.
    pub swap: &'static str,
    /// What that does.
    pub swap_tip: &'static str,
    /// Closes a side.
    pub close_side: &'static str,
    /// Asks one side again.
    pub ask_again: &'static str,
    /// Nothing was asked of both yet.
    pub nothing_asked: &'static str,
    /// A side has not been asked the question that is shown.
    pub not_asked: &'static str,
    /// A side waits for its turn.
    pub waiting: &'static str,
    /// The probability of a token follows.
    pub probability: &'static str,
    /// All tokens are equal.
    pub all_equal: &'static str,
    /// How to read the marks.
    pub marks: &'static str,
    /// Both sides are the same checkpoint.
    pub one_checkpoint: &'static str,
    /// There are no maps of both.
    pub no_maps: &'static str,
    /// They are being compared.
    pub computing: &'static str,
    /// Headings of the table: layer, shares, divergence, where most.
    pub columns: [&'static str; 4],
    /// Every key of a cell or only encoders: what divergence is taken over.
    pub over: [&'static str; 2],
    /// Grids differ.
    pub resampled: &'static str,
    /// What is matched with what; both names stand around it.
    pub matched: &'static str,
    /// What has no counterpart; a list and the side follow.
    pub alone: fn(&str, &str) -> String,
    /// Goes to a cell.
    pub look: fn(usize, usize) -> String,
    /// Opens the maps of both and of their difference.
    pub show_maps: &'static str,
    /// What that does.
    pub show_maps_tip: &'static str,
    /// Nothing differs.
    pub nowhere: &'static str,
    /// All keys are masked.
    pub masked: &'static str,
    /// What divergence is, and what it is evidence of.
    pub evidence: &'static str,
    /// Compares the files.
    pub compare_files: &'static str,
    /// What that does.
    pub compare_files_tip: &'static str,
    /// The files are being read.
    pub reading: &'static str,
    /// Stops reading the files.
    pub stop: &'static str,
    /// How many tensors stand in which relation.
    pub counts: fn(&Counts) -> String,
    /// Both are the same weights.
    pub same_weights: &'static str,
    /// Headings of the table of changed tensors: relative change, largest, cosine, tensor.
    pub tensor_columns: [&'static str; 4],
    /// What clicking a heading does.
    pub order_tip: &'static str,
    /// Lists of tensors: in A alone, in B alone, of other shapes.
    pub kinds: [&'static str; 3],
    /// Before the weight hash.
    pub hash: &'static str,
    /// Heading of the tree of modules.
    pub modules: &'static str,
    /// All tensors of a module are equal.
    pub all_of_module_equal: fn(&str, usize) -> String,
    /// A module, its relative change, how many of its tensors differ, of how many.
    pub module: fn(&str, &str, usize, usize) -> String,
    /// The change is from zero.
    pub from_zero: &'static str,
    /// Heading of settings, with how many differ and how many are equal.
    pub settings: fn(usize, usize) -> String,
    /// A field is absent.
    pub not_set: &'static str,
    /// A field changes nothing here.
    pub no_effect: &'static str,
    /// The tokenizers are the same, or not.
    pub tokenizer: [&'static str; 2],
    /// Heading of what looks wrong.
    pub wrong: &'static str,
    /// One of those: the side, the family of weights and how many.
    pub finding: fn(&str, FindingKind, &str, usize) -> String,
    /// So many more are not listed.
    pub more: fn(usize) -> String,
}

pub(super) const ENGLISH: ComparisonTexts = ComparisonTexts {
    between: BetweenTexts {
        title: "Between both: A + λ (B − A)",
        lambda: "How far from A to B every weight goes: 0 is A, 1 is B",
        ask: "Ask it too",
        ask_tip: "Reads A + λ (B − A) from the files of both, weight by weight, and asks it the same question, with the \
                  settings of A",
        maps: "Its maps",
        maps_tip: "Shows its maps in a pane of their own",
        close: "Close it",
        close_tip: "Lets go of its weights; its answers stay",
    },
    panel: "Comparison",
    both: "A + B",
    only: "Look at",
    name: "Name",
    promote: "Let B take the place of A",
    promote_tip: "B becomes A, and what is A now is closed",
    cross: "Score each answer on the other side",
    cross_tip: "How probable is each answer to the other model? Four passes, one over each answer on each side",
    crossing: "scoring both answers on both sides",
    other_tokenizers: "The tokenizers differ: no side can score the other's answer, and answers are aligned by their text.",
    crossed: "log p of each answer",
    under: ["under A", "under B"],
    answer_of: ["answer of A", "answer of B"],
    parting: |at, kl| {
        let kl = kl.map_or_else(String::new, |[a, b]| format!("; KL(A‖B) there {a:.4} nats, KL(B‖A) {b:.4}"));
        format!("They part after {at} tokens{kl}.")
    },
    tabs: ["Answers", "Attention", "Evidence", "Checkpoints"],
    no_evidence: "Ask both sides about a picture: what their answers rest on will stand here side by side.",
    measure_both: "Measure both",
    measure_both_tip: "Takes each encoder away, on both sides, and scores each side's own answer without it",
    own_answers: "Each side's numbers are of its own answer: where the answers differ, effects are on different texts.",
    most: "Where the two differ most",
    ask_both: "Ask both",
    ask_both_tip: "Put the question to A and then to B; each answers in its own column",
    picture_first: "The picture is still being read; ask again in a moment.",
    swap: "Swap A and B",
    swap_tip: "A becomes B and B becomes A; differences are B − A",
    close_side: "Close",
    ask_again: "Ask again",
    nothing_asked: "Ask a question: both answers will stand here side by side.",
    not_asked: "This side was not asked the question that is shown.",
    waiting: "waiting for its turn",
    probability: "probability",
    all_equal: "Every token is equal.",
    marks: "Coloured: tokens that differ. Underlined: the same text in other tokens.",
    one_checkpoint: "Both sides are the same checkpoint with the same weights.",
    no_maps: "Ask both sides about a picture to compare where they looked.",
    computing: "comparing",
    columns: ["layer", "share A → B", "divergence (bits)", "differs most"],
    over: ["", "over encoders"],
    resampled: "resampled",
    matched: "is compared with",
    alone: |list, side| format!("Without a counterpart, of {side}: {list}"),
    look: |row, column| format!("cell {row}, {column}"),
    show_maps: "Maps of A, B and B − A",
    show_maps_tip: "Opens a pane for each, with cell, zoom, layers, heads and colours linked",
    nowhere: "nowhere",
    masked: "masked",
    evidence: "Jensen–Shannon divergence of a cell's attention, 0 to 1 bit, mean over heads. Evidence: attention (correlational): where the models attended, not how much it contributed.",
    compare_files: "Compare the files",
    compare_files_tip: "Reads the weights of both checkpoints once, a few megabytes at a time",
    reading: "Reading weights",
    stop: "Stop",
    counts: |counts| {
        let Counts { equal, same_values, changed, unlike, only_in: [a, b] } = *counts;
        let both = equal + same_values + changed + unlike;
        let only = match (a, b) {
            (0, 0) => String::new(),
            (a, b) => format!("; {a} in A alone, {b} in B alone"),
        };
        if equal == both && both > 0 {
            let whose = if a + b == 0 { "" } else { " that both have" };
            return format!("All {both} tensors{whose} are equal bit for bit{only}.");
        }
        format!(
            "{both} tensors in both: {equal} equal bit for bit, {changed} changed, {same_values} the same numbers in other bits, \
             {unlike} of other shapes{only}."
        )
    },
    same_weights: "A and B are the same weights.",
    tensor_columns: ["‖B − A‖ ÷ ‖A‖", "max |Δ|", "cosine", "tensor"],
    order_tip: "List in this order",
    kinds: ["In A alone", "In B alone", "Of other shapes or types"],
    hash: "weight hash",
    modules: "Modules, where training moved most first",
    all_of_module_equal: |name, total| format!("{name}: all {total} equal"),
    module: |name, moved, differ, total| format!("{name}: ‖B − A‖ ÷ ‖A‖ {moved}, {differ} of {total} differ"),
    from_zero: "from zero",
    settings: |differ, equal| match differ {
        0 => format!("Settings: all {equal} fields are equal"),
        _ => format!("Settings: {differ} fields differ, {equal} are equal"),
    },
    not_set: "not set",
    no_effect: "without effect here",
    tokenizer: ["Tokenizer: the same files", "Tokenizer: other files; the same text may become other tokens"],
    wrong: "What looks wrong",
    finding: |side, kind, family, weights| match kind {
        FindingKind::Missing => format!("{side} lacks {family} ({weights} weights on the other side)"),
        FindingKind::EncoderInside => format!("{side} holds weights of a vision encoder: {family} ({weights})"),
        FindingKind::Zeros => format!("{side}: {weights} × {family} all zeros"),
        FindingKind::NotFinite(numbers) => format!("{side}: {numbers} numbers in {family} are NaN or infinite"),
    },
    more: |count| format!("and {count} more (opabinia compare lists all)"),
};

pub(super) const CHINESE: ComparisonTexts = ComparisonTexts {
    between: BetweenTexts {
        title: "两者之间：A + λ (B − A)",
        lambda: "每个权重从 A 向 B 移动多远：0 为 A，1 为 B",
        ask: "也问它",
        ask_tip: "从两侧的文件逐个权重读取 A + λ (B − A)，以 A 的设置问同一个问题",
        maps: "它的注意力图",
        maps_tip: "在单独的窗格中显示它的注意力图",
        close: "关闭它",
        close_tip: "释放它的权重；它的回答会保留",
    },
    panel: "对比",
    both: "A + B",
    only: "查看",
    name: "名称",
    promote: "让 B 取代 A",
    promote_tip: "B 变为 A，现在的 A 将被关闭",
    cross: "用另一侧为每个回答打分",
    cross_tip: "每个回答对另一个模型来说有多大概率？共四次前向计算，每个回答在每一侧各一次",
    crossing: "正在两侧为两个回答打分",
    other_tokenizers: "分词器不同：任何一侧都无法为另一侧的回答打分，回答按文本对齐。",
    crossed: "每个回答的 log p",
    under: ["在 A 下", "在 B 下"],
    answer_of: ["A 的回答", "B 的回答"],
    parting: |at, kl| {
        let kl = kl.map_or_else(String::new, |[a, b]| format!("；此处 KL(A‖B) 为 {a:.4} 纳特，KL(B‖A) 为 {b:.4}"));
        format!("在 {at} 个词元之后分开{kl}。")
    },
    tabs: ["回答", "注意力", "证据", "检查点"],
    no_evidence: "就一张图片同时提问，两个回答的依据会并排显示在这里。",
    measure_both: "测量两侧",
    measure_both_tip: "在两侧逐一去除每个编码器，并在没有它的情况下为各自的回答打分",
    own_answers: "每一侧的数值针对它自己的回答：回答不同时，效应所对应的文本也不同。",
    most: "两者差异最大之处",
    ask_both: "同时提问",
    ask_both_tip: "先问 A 再问 B，各自在自己的一栏中回答",
    picture_first: "图片仍在读取，请稍后再问。",
    swap: "交换 A 与 B",
    swap_tip: "A 变为 B，B 变为 A；差值为 B − A",
    close_side: "关闭",
    ask_again: "再问一次",
    nothing_asked: "提一个问题，两个回答会并排显示在这里。",
    not_asked: "这一侧还没有被问过当前问题。",
    waiting: "等待中",
    probability: "概率",
    all_equal: "所有词元都相同。",
    marks: "着色：不同的词元。下划线：文本相同但词元不同。",
    one_checkpoint: "两侧是同一个检查点，权重相同。",
    no_maps: "就一张图片同时提问，即可比较两者看向哪里。",
    computing: "正在比较",
    columns: ["层", "占比 A → B", "散度（比特）", "差异最大处"],
    over: ["", "按编码器"],
    resampled: "已重采样",
    matched: "对应",
    alone: |list, side| format!("{side} 中没有对应项：{list}"),
    look: |row, column| format!("单元格 {row}, {column}"),
    show_maps: "A、B 与 B − A 的注意力图",
    show_maps_tip: "为每一个打开一个面板，联动单元格、缩放、层、注意力头和颜色",
    nowhere: "无",
    masked: "已屏蔽",
    evidence: "单元格注意力的 Jensen–Shannon 散度，0 到 1 比特，对注意力头求平均。证据：注意力（相关性）：模型看向哪里，不代表其贡献。",
    compare_files: "比较文件",
    compare_files_tip: "把两个检查点的权重各读一遍，每次只读几兆字节",
    reading: "正在读取权重",
    stop: "停止",
    counts: |counts| {
        let Counts { equal, same_values, changed, unlike, only_in: [a, b] } = *counts;
        let both = equal + same_values + changed + unlike;
        let only = match (a, b) {
            (0, 0) => String::new(),
            (a, b) => format!("；仅 A 有 {a} 个，仅 B 有 {b} 个"),
        };
        if equal == both && both > 0 {
            let whose = if a + b == 0 { "" } else { "两侧共有的" };
            return format!("{whose}全部 {both} 个张量逐位相同{only}。");
        }
        format!(
            "两侧共有 {both} 个张量：{equal} 个逐位相同，{changed} 个已改变，{same_values} 个数值相同但位不同，{unlike} 个形状不同{only}。"
        )
    },
    same_weights: "A 与 B 的权重相同。",
    tensor_columns: ["‖B − A‖ ÷ ‖A‖", "最大 |Δ|", "余弦", "张量"],
    order_tip: "按此排序",
    kinds: ["仅 A 有", "仅 B 有", "形状或类型不同"],
    hash: "权重哈希",
    modules: "模块（训练改变最大的在前）",
    all_of_module_equal: |name, total| format!("{name}：全部 {total} 个相同"),
    module: |name, moved, differ, total| format!("{name}：‖B − A‖ ÷ ‖A‖ {moved}，{total} 个中有 {differ} 个不同"),
    from_zero: "从零开始",
    settings: |differ, equal| match differ {
        0 => format!("设置：全部 {equal} 个字段相同"),
        _ => format!("设置：{differ} 个字段不同，{equal} 个相同"),
    },
    not_set: "未设置",
    no_effect: "此处无影响",
    tokenizer: ["分词器：文件相同", "分词器：文件不同，同一文本可能变成不同的词元"],
    wrong: "看起来有问题",
    finding: |side, kind, family, weights| match kind {
        FindingKind::Missing => format!("{side} 缺少 {family}（另一侧有 {weights} 个）"),
        FindingKind::EncoderInside => format!("{side} 含有视觉编码器的权重：{family}（{weights} 个）"),
        FindingKind::Zeros => format!("{side}：{weights} × {family} 全为零"),
        FindingKind::NotFinite(numbers) => format!("{side}：{family} 中有 {numbers} 个数为 NaN 或无穷"),
    },
    more: |count| format!("另有 {count} 个（opabinia compare 可列出全部）"),
};
