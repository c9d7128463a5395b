//! What an answer rests on: encoders, tokens, layers and cells, and what each number is evidence of.

use crate::evidence::export::EvidenceFile;
use crate::evidence::sheet::signed;
use crate::evidence::{Measure, Removal, Rung, Verdict};
use opabinia_engine::probe::evidence::GameKind;

/// What the window says about the evidence of answers.
#[derive(Debug)]
pub struct EvidencePanelTexts {
    /// The panel's name.
    pub title: &'static str,
    /// Nothing was answered.
    pub no_answer: &'static str,
    /// The answer is still being made.
    pub open: &'static str,
    /// The answer is about no picture.
    pub no_picture: &'static str,
    /// Another checkpoint gave it.
    pub other_model: &'static str,
    /// None is loaded.
    pub no_model: &'static str,
    /// Nothing has been measured.
    pub nothing_yet: &'static str,
    /// Sections: name and what is in them.
    pub encoders: (&'static str, &'static str),
    /// Token by token.
    pub tokens: (&'static str, &'static str),
    /// Layers and heads.
    pub layers: (&'static str, &'static str),
    /// Cells.
    pub cells: (&'static str, &'static str),
    /// Before the choice of the whole answer or a token.
    pub effects_on: &'static str,
    /// The whole answer.
    pub whole_answer: &'static str,
    /// One token of the answer.
    pub selected_token: &'static str,
    /// How a token is selected.
    pub select_a_token: &'static str,
    /// Before the choice of how encoders are taken away.
    pub taken_away_by: &'static str,
    /// Before the choice of another picture.
    pub other_picture: &'static str,
    /// What that is for.
    pub other_picture_tip: &'static str,
    /// No other picture.
    pub no_other: &'static str,
    /// Something is being measured.
    pub measuring: &'static str,
    /// Begins to measure.
    pub measure: &'static str,
    /// What that takes.
    pub measure_tip: &'static str,
    /// Stops.
    pub stop: &'static str,
    /// What becomes of what was measured.
    pub stop_tip: &'static str,
    /// It was stopped.
    pub stopped: &'static str,
    /// Goes on.
    pub go_on: &'static str,
    /// Tries once more.
    pub try_again: &'static str,
    /// There is no gradient; why follows.
    pub no_gradient: &'static str,
    /// With what everything is compared.
    pub baseline: &'static str,
    /// Opens the menu of files.
    pub export: &'static str,
    /// Nothing was measured that could be written.
    pub nothing_to_export: &'static str,
    /// Copies the command that measures the same.
    pub copy_command: &'static str,
    /// What a Δ log p is, in a sentence.
    pub delta_tip: &'static str,
    /// The picture replaced by even grey: name and what it means.
    pub blank: (&'static str, &'static str),
    /// Scatter of encoders: heading, and what stands before the rank correlation.
    pub scatter_encoders: (&'static str, &'static str),
    /// Scatter of cells.
    pub scatter_cells: (&'static str, &'static str),
    /// Axis: share of an encoder in a cell.
    pub cell_share: &'static str,
    /// Axis: norm of what was written into a cell.
    pub cell_norm: &'static str,
    /// Joint removals: heading and the warning.
    pub joint: (&'static str, &'static str),
    /// Column: together.
    pub together: &'static str,
    /// Column: the sum of single ones.
    pub sum: &'static str,
    /// Choice of colours of words: name and what it does.
    pub colour_words: (&'static str, &'static str),
    /// No colours.
    pub no_colours: &'static str,
    /// By reliance on the picture.
    pub by_picture: &'static str,
    /// What that is: heading and tip of its numbers.
    pub reliance: &'static str,
    /// Under an answer: by what its words are coloured.
    pub words_coloured: &'static str,
    /// One end of the scale.
    pub less_likely: &'static str,
    /// The other.
    pub more_likely: &'static str,
    /// Matrix of layers: heading and what it holds.
    pub matrix: (&'static str, &'static str),
    /// The checkpoint has none.
    pub no_samplers: &'static str,
    /// Layers together: heading and the warning.
    pub joint_layers: (&'static str, &'static str),
    /// A layer returns its input.
    pub skip: &'static str,
    /// The same in the head of a narrow column.
    pub skip_short: &'static str,
    /// Before the encoder that is masked in a layer.
    pub masked: &'static str,
    /// Before the scale of heads.
    pub heads_scale: &'static str,
    /// Before the scale of layers.
    pub layers_scale: &'static str,
    /// Before the choice of the encoder whose cells are replaced.
    pub cells_of: &'static str,
    /// All encoders.
    pub all_encoders: &'static str,
    /// Map of effects: heading and what it holds.
    pub map: (&'static str, &'static str),
    /// What a screen reader calls it.
    pub map_canvas: &'static str,
    measured_of: fn(usize, usize) -> String,
    /// Before the size of a block of cells.
    pub in_block: &'static str,
    /// Region: heading and how to come to one.
    pub region: (&'static str, &'static str),
    /// Measures what is typed.
    pub measure_region: &'static str,
    /// Takes the selected cell.
    pub selected_cell: &'static str,
    /// Forgets the region.
    pub clear_region: &'static str,
    removal: fn(Removal) -> (&'static str, &'static str),
    measure_words: fn(Measure) -> (&'static str, &'static str),
    rung: fn(Rung) -> (&'static str, &'static str),
    export_title: fn(EvidenceFile) -> &'static str,
    agree: fn(&str, f64, &str, &str) -> String,
    disagree: fn(&str, f64, &str, &str, &str) -> String,
    none_needed: fn(&str, f64, &str) -> String,
}

impl EvidencePanelTexts {
    /// How many blocks of a map were measured, of how many.
    pub fn measured_of(&self, done: usize, total: usize) -> String {
        (self.measured_of)(done, total)
    }

    /// A way to take an encoder away: its name, and what is done.
    pub fn removal(&self, removal: Removal) -> (&'static str, &'static str) {
        (self.removal)(removal)
    }

    /// A measure: its name, and what it is, in a sentence.
    pub fn measure_words(&self, measure: Measure) -> (&'static str, &'static str) {
        match measure {
            Measure::Removal(removal) => self.removal(removal),
            measure => (self.measure_words)(measure),
        }
    }

    /// A rung of evidence: its name, and what it may claim.
    pub fn rung(&self, rung: Rung) -> (&'static str, &'static str) {
        (self.rung)(rung)
    }

    /// What writing such a file is called.
    pub fn export_title(&self, kind: EvidenceFile) -> &'static str {
        (self.export_title)(kind)
    }

    /// Whether attention and intervention name the same encoder, in a sentence.
    pub fn verdict(&self, verdict: &Verdict, names: &[String], removal: Removal) -> String {
        let name = |k: usize| names.get(k).map_or("", String::as_str);
        let way = self.removal(removal).0;
        let (attended, lift) = verdict.attended;
        match verdict.needed {
            None => (self.none_needed)(name(attended), lift, way),
            Some((needed, delta)) if needed == attended => (self.agree)(name(attended), lift, way, &signed(delta)),
            Some((needed, delta)) => (self.disagree)(name(attended), lift, name(needed), way, &signed(delta)),
        }
    }
}

pub(super) const ENGLISH: EvidencePanelTexts = EvidencePanelTexts {
    title: "Evidence",
    no_answer: "Ask about a picture. What the answer rests on is measured here.",
    open: "The answer is still being made. Its evidence follows.",
    no_picture: "This answer is about no picture: there is no encoder, layer or cell to take away. Attach a picture and ask again.",
    other_model: "Another checkpoint gave this answer. Evidence is measured with the checkpoint that gave it: switch to it, or ask again.",
    no_model: "Open a checkpoint first.",
    nothing_yet: "Nothing measured yet.",
    encoders: ("Encoders", "Each encoder with every number side by side"),
    tokens: ("Tokens", "What each token of the answer lost"),
    layers: ("Layers", "SVA layers and heads taken away one by one"),
    cells: ("Cells", "Cells of the query grid replaced one by one"),
    effects_on: "Effects on",
    whole_answer: "Whole answer",
    selected_token: "Token",
    select_a_token: "Select a token of the answer",
    taken_away_by: "Removal",
    other_picture: "Swap in",
    other_picture_tip: "The picture whose features replace an encoder's: in-distribution, unlike masking or zeroing",
    no_other: "no picture",
    measuring: "Measuring",
    measure: "Measure",
    measure_tip: "One run of the model for each number. A question asked meanwhile goes first.",
    stop: "Stop",
    stop_tip: "What was measured stays",
    stopped: "Stopped. What was measured is kept.",
    go_on: "Go on",
    try_again: "Try again",
    no_gradient: "No gradient:",
    baseline: "Baseline: the run without interventions. The answer is given, token by token (teacher forcing); Δ log p in nats, below 0: \
               the answer became less likely. Interventions measure necessity in this checkpoint on this picture, not the worth of an encoder.",
    export: "Export…",
    nothing_to_export: "Nothing has been measured yet.",
    copy_command: "Copy command",
    delta_tip: "How the logarithm of the probability changed (nats) when this was taken away; below 0 it became less likely.",
    blank: (
        "Δ log p with a blank picture",
        "The picture replaced by an even grey of its size: below 0, the answer relied on the picture. Intervention.",
    ),
    scatter_encoders: ("Attention against effect", "Encoders. Spearman's rank correlation:"),
    scatter_cells: ("Attention against effect", "Cells. Spearman's rank correlation:"),
    cell_share: "share of the cell",
    cell_norm: "norm written into the cell",
    joint: (
        "Taken away together",
        "Effects do not add up: what two encoders hold in common is lost only when both go.",
    ),
    together: "together",
    sum: "sum of single",
    colour_words: (
        "Colour the words by",
        "Colours behind the words of the answer: Δ log p of each token, or its reliance on the picture",
    ),
    no_colours: "nothing",
    by_picture: "reliance on the picture",
    reliance: "Reliance on the picture: log p with it − log p with a blank one (nats)",
    words_coloured: "Words coloured by",
    less_likely: "less likely without it",
    more_likely: "more likely without it",
    matrix: (
        "Effects of layers and heads",
        "Intervention: Δ log p when the layer returns its input (skip), an encoder is masked in it alone, or the output of one head is zero.",
    ),
    no_samplers: "This checkpoint has no sampler layers: only the connector's are listed.",
    joint_layers: ("Layers together", "Effects do not add up: later layers read what earlier ones wrote."),
    skip: "layer skipped",
    skip_short: "skip",
    masked: "masked:",
    heads_scale: "Heads, Δ log p:",
    layers_scale: "Whole layers and encoders in them, Δ log p:",
    cells_of: "Tokens of",
    all_encoders: "all encoders",
    map: (
        "Map of effects",
        "Intervention: Δ log p when the tokens under a cell are replaced by the mean over all of the encoder's tokens. Coarse blocks first.",
    ),
    map_canvas: "Effect of each cell",
    measured_of: |done, total| format!("{done} of {total} blocks measured"),
    in_block: "in a block of",
    region: ("Region", "Drag over the map, take the selected cell, or type rows and columns of the padded grid."),
    measure_region: "Measure region",
    selected_cell: "Selected cell",
    clear_region: "Clear",
    removal: |removal| match removal {
        Removal::MaskContext => (
            "mask + context",
            "Its keys are masked in every SVA layer and, for the first encoder, the global context made from it is zero.",
        ),
        Removal::Mask => ("mask keys", "Its keys are masked in every SVA layer; the global context stays."),
        Removal::ZeroRaw => (
            "zero output",
            "Its output is zero before the projector, as in arXiv 2507.03262: one constant token that keeps its attention.",
        ),
        Removal::Zero => ("zero tokens", "Its projected tokens are zero; they keep their attention."),
        Removal::Mean => ("mean tokens", "Each of its projected tokens becomes the mean of all of them."),
        Removal::Swap => ("swap", "Its tokens are those of another picture: in-distribution."),
    },
    measure_words: |measure| match measure {
        Measure::Share => {
            ("share", "Its part of the attention, averaged over SVA layers, heads and cells of the picture.")
        }
        Measure::Lift => {
            ("lift", "Share ÷ what uniform attention over the unmasked keys would give; ×1 is as much as uniform.")
        }
        Measure::Norm => (
            "norm",
            "Norm of what its keys write into a cell through the output matrix, averaged over layers and cells.",
        ),
        Measure::Gradient => (
            "gradient × attn",
            "∂ log p ∕ ∂ attention times attention, summed over its keys, signed: local sensitivity.",
        ),
        Measure::Shapley(GameKind::Mask) => (
            "Shapley, mask",
            "Its Shapley value of log p over all coalitions of encoders, the others masked; above 0 it helped.",
        ),
        Measure::Shapley(GameKind::Swap) => (
            "Shapley, swap",
            "Its Shapley value of log p over all coalitions, the others given another picture's features; above 0 it helped.",
        ),
        Measure::Removal(_) => ("", ""),
    },
    rung: |rung| match rung {
        Rung::Attention => (
            "Attention · correlational",
            "Where the model attended, not how much it contributed; the same for every question.",
        ),
        Rung::Contribution => (
            "Contribution · correlational",
            "How much was written, not whether the answer needed it; the same for every question.",
        ),
        Rung::Gradient => ("Gradient · sensitivity", "How a small change would move log p: local, to first order."),
        Rung::Intervention => (
            "Δ log p · intervention",
            "What changed in this checkpoint on this picture when it was taken away: necessity here, not worth.",
        ),
    },
    export_title: |kind| match kind {
        EvidenceFile::Numbers => "Every number as CSV…",
        EvidenceFile::Tensors => "Every tensor as safetensors…",
        EvidenceFile::Png => "This section as PNG…",
        EvidenceFile::Svg => "This section as SVG…",
        EvidenceFile::Recipe => "Recipe that measures it again…",
    },
    agree: |who, lift, way, delta| {
        format!(
            "Attention and intervention agree: {who} has the highest lift (×{lift:.2}), and its removal ({way}) cost most (Δ log p {delta})."
        )
    },
    disagree: |who, lift, needed, way, delta| {
        format!(
            "Attention and intervention disagree: {who} has the highest lift (×{lift:.2}), but removing {needed} ({way}) cost most (Δ log p {delta})."
        )
    },
    none_needed: |who, lift, way| {
        format!(
            "Attention favours {who} (lift ×{lift:.2}), but removing no single encoder ({way}) made this answer less likely."
        )
    },
};

pub(super) const CHINESE: EvidencePanelTexts = EvidencePanelTexts {
    title: "证据",
    no_answer: "请就一张图片提问。回答依赖什么，会在这里测量。",
    open: "回答尚未完成，证据随后测量。",
    no_picture: "此回答与图片无关：没有可去除的编码器、层或单元格。请添加图片后再提问。",
    other_model: "此回答由另一个检查点给出。证据须用给出回答的检查点测量：请切换到它，或重新提问。",
    no_model: "请先打开一个检查点。",
    nothing_yet: "尚未测量。",
    encoders: ("编码器", "每个编码器的各项数值并列"),
    tokens: ("词元", "回答中每个词元失去了多少"),
    layers: ("层", "逐一去除 SVA 层与注意力头"),
    cells: ("单元格", "逐一替换查询网格的单元格"),
    effects_on: "效应针对",
    whole_answer: "整个回答",
    selected_token: "词元",
    select_a_token: "请在回答中选择一个词元",
    taken_away_by: "去除方式",
    other_picture: "换入",
    other_picture_tip: "用此图片的特征替换编码器的特征：与屏蔽或置零不同，仍在分布之内",
    no_other: "无图片",
    measuring: "正在测量",
    measure: "测量",
    measure_tip: "每个数值需要运行一次模型。其间提出的问题会优先回答。",
    stop: "停止",
    stop_tip: "已测得的会保留",
    stopped: "已停止。已测得的均已保留。",
    go_on: "继续",
    try_again: "重试",
    no_gradient: "无梯度：",
    baseline: "基线：未加干预的运行。回答是给定的，逐词元计分（teacher forcing）；Δ log p 以 nat 计，小于 0 表示回答变得更不可能。\
               干预衡量的是在此检查点、此图片上的必要性，而不是编码器的价值。",
    export: "导出…",
    nothing_to_export: "尚未测量任何内容。",
    copy_command: "复制命令",
    delta_tip: "去除它之后概率对数的变化（nat）；小于 0 表示变得更不可能。",
    blank: ("空白图片下的 Δ log p", "图片换成同样大小的均匀灰色：小于 0 表示回答依赖图片。属于干预。"),
    scatter_encoders: ("注意力与效应", "编码器。Spearman 秩相关："),
    scatter_cells: ("注意力与效应", "单元格。Spearman 秩相关："),
    cell_share: "单元格占比",
    cell_norm: "写入单元格的范数",
    joint: ("同时去除", "效应不能相加：两个编码器共有的信息，只有同时去除才会失去。"),
    together: "同时",
    sum: "单独之和",
    colour_words: ("词语着色依据", "回答词语背后的颜色：每个词元的 Δ log p"),
    no_colours: "不着色",
    by_picture: "对图片的依赖",
    reliance: "对图片的依赖：有图片时的 log p − 空白图片时的 log p（nat）",
    words_coloured: "词语着色依据：",
    less_likely: "去除后更不可能",
    more_likely: "去除后更可能",
    matrix: (
        "各层与各注意力头的效应",
        "干预：该层直接返回输入（跳过）、仅在该层屏蔽一个编码器，或一个注意力头的输出置零时的 Δ log p。",
    ),
    no_samplers: "此检查点没有 SVA 采样层：仅列出连接器层。",
    joint_layers: ("多层同时去除", "效应不能相加：后面的层会读取前面的层所写入的内容。"),
    skip: "跳过该层",
    skip_short: "跳过",
    masked: "屏蔽：",
    heads_scale: "注意力头，Δ log p：",
    layers_scale: "整层及其中的编码器，Δ log p：",
    cells_of: "词元来自",
    all_encoders: "全部编码器",
    map: ("效应图", "干预：单元格之下的词元换成该编码器全部词元的平均时的 Δ log p。先粗后细。"),
    map_canvas: "各单元格的效应",
    measured_of: |done, total| format!("已测量 {done} / {total} 块"),
    in_block: "所在块",
    region: ("区域", "在图上拖动、取所选单元格，或输入填充网格的行与列。"),
    measure_region: "测量区域",
    selected_cell: "所选单元格",
    clear_region: "清除",
    removal: |removal| match removal {
        Removal::MaskContext => {
            ("屏蔽键与上下文", "在所有 SVA 层屏蔽它的键；对第一个编码器，由它得到的全局上下文也置零。")
        }
        Removal::Mask => ("屏蔽键", "在所有 SVA 层屏蔽它的键；全局上下文保留。"),
        Removal::ZeroRaw => ("输出置零", "其输出在投影之前置零，同 arXiv 2507.03262：成为一个仍占注意力的常量词元。"),
        Removal::Zero => ("词元置零", "其投影后的词元置零；它们仍占注意力。"),
        Removal::Mean => ("词元取平均", "其投影后的每个词元换成全部词元的平均。"),
        Removal::Swap => ("换入他图", "其词元换成另一张图片的词元：仍在分布之内。"),
    },
    measure_words: |measure| match measure {
        Measure::Share => ("占比", "它在注意力中所占的部分，对 SVA 层、注意力头与图片的单元格取平均。"),
        Measure::Lift => ("提升度", "占比 ÷ 对未屏蔽的键均匀分配注意力时的占比；×1 表示与均匀相同。"),
        Measure::Norm => ("范数", "它的键经输出矩阵写入单元格的向量之范数，对层与单元格取平均。"),
        Measure::Gradient => ("梯度 × 注意力", "∂ log p ∕ ∂ 注意力乘以注意力，对它的键求和，带符号：局部敏感性。"),
        Measure::Shapley(GameKind::Mask) => {
            ("Shapley，屏蔽", "对编码器的所有组合、其余屏蔽时，log p 的 Shapley 值；大于 0 表示有帮助。")
        }
        Measure::Shapley(GameKind::Swap) => {
            ("Shapley，换入", "对编码器的所有组合、其余换入他图特征时，log p 的 Shapley 值；大于 0 表示有帮助。")
        }
        Measure::Removal(_) => ("", ""),
    },
    rung: |rung| match rung {
        Rung::Attention => ("注意力 · 相关性", "模型关注了哪里，不代表其贡献；对任何问题都相同。"),
        Rung::Contribution => ("贡献 · 相关性", "写入了多少，并不说明回答是否需要它；对任何问题都相同。"),
        Rung::Gradient => ("梯度 · 敏感性", "微小变化会使 log p 如何变动：局部的一阶近似。"),
        Rung::Intervention => {
            ("Δ log p · 干预", "在此检查点、此图片上去除它之后改变了什么：是此处的必要性，而非价值。")
        }
    },
    export_title: |kind| match kind {
        EvidenceFile::Numbers => "全部数值(CSV)…",
        EvidenceFile::Tensors => "全部张量(safetensors)…",
        EvidenceFile::Png => "本页(PNG)…",
        EvidenceFile::Svg => "本页(SVG)…",
        EvidenceFile::Recipe => "可重新测量的配方…",
    },
    agree: |who, lift, way, delta| {
        format!("注意力与干预一致：{who} 的提升度最高（×{lift:.2}），去除它（{way}）损失也最大（Δ log p {delta}）。")
    },
    disagree: |who, lift, needed, way, delta| {
        format!(
            "注意力与干预不一致：{who} 的提升度最高（×{lift:.2}），但去除 {needed}（{way}）损失最大（Δ log p {delta}）。"
        )
    },
    none_needed: |who, lift, way| {
        format!("注意力偏向 {who}（提升度 ×{lift:.2}），但单独去除任何编码器（{way}）都没有使回答变得更不可能。")
    },
};
