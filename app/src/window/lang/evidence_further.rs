//! What goes beyond single numbers: orders of cells, chains from a token to pixels, features, and the lens.

use crate::evidence::checks::{MapSays, Shuffled};
use opabinia_engine::probe::chain::{Dropped, HopKind};
use opabinia_engine::probe::evidence::{CellOrder, Way};

/// What the window says about them.
#[derive(Debug)]
pub struct EvidenceFurtherTexts {
    /// Sections: name and what is in them.
    pub curves: (&'static str, &'static str),
    /// From a token to pixels.
    pub chain: (&'static str, &'static str),
    /// What encoders made of the picture.
    pub features: (&'static str, &'static str),
    /// What the decoder would say.
    pub lens: (&'static str, &'static str),
    /// Curves: heading and what they are.
    pub curves_about: (&'static str, &'static str),
    /// Names of the columns: the order, its area, the area between random and greedy orders.
    pub columns: [(&'static str, &'static str); 3],
    /// The row of random orders: name and what stands there.
    pub random: (&'static str, &'static str),
    /// The kind of evidence of curves.
    pub curves_rung: &'static str,
    /// The axis to the right.
    pub across: &'static str,
    way: fn(Way) -> (&'static str, &'static str),
    order: fn(CellOrder) -> (&'static str, &'static str),
    /// Chain: heading and what it is.
    pub chain_about: (&'static str, &'static str),
    /// No token is selected.
    pub chain_select: &'static str,
    /// Before the choice of the decoder's attention.
    pub decoder: &'static str,
    /// The mean over layers and heads: name and what it is.
    pub mean: (&'static str, &'static str),
    /// The rollout.
    pub rollout: (&'static str, &'static str),
    /// One layer and head.
    pub one_head: (&'static str, &'static str),
    /// Before the number of a decoder layer, and of a head.
    pub layer_head: (&'static str, &'static str),
    hop: fn(HopKind) -> (&'static str, &'static str),
    dropped: fn(Dropped) -> (&'static str, &'static str),
    /// Before what a step keeps, and what it drops.
    pub kept_dropped: (&'static str, &'static str),
    /// Before the sum of everything.
    pub total: &'static str,
    /// Maps of a chain: cells and pixels.
    pub chain_maps: (&'static str, &'static str),
    /// Features: heading and what the colours are.
    pub features_about: (&'static str, &'static str),
    /// Each encoder's own directions: name and what they are.
    pub own: (&'static str, &'static str),
    /// Shared directions after the projector.
    pub shared: (&'static str, &'static str),
    /// Effective rank: name and what it is.
    pub rank: (&'static str, &'static str),
    /// Tokens with an abnormal norm: name and what they are.
    pub sinks: (&'static str, &'static str),
    /// The part of the variance that is seen.
    pub explained: (&'static str, &'static str),
    /// Lens: heading and what it is.
    pub lens_about: (&'static str, &'static str),
    /// No cell is pointed at or selected.
    pub lens_select: &'static str,
    /// The cell lies in the padding.
    pub lens_padding: &'static str,
    /// The checkpoint has no samplers.
    pub lens_none: &'static str,
    /// Before and after a sampler.
    pub before_after: (&'static str, &'static str),
    /// Before the decoder layer that a sampler follows.
    pub after_layer: &'static str,
    /// Checks by shuffling: name of the section and what is in it.
    pub checks: (&'static str, &'static str),
    /// Heading and what is done.
    pub checks_about: (&'static str, &'static str),
    /// Columns of maps: the map, its rank correlation, what that says.
    pub checks_maps: [(&'static str, &'static str); 3],
    /// Columns of answers: what was shuffled, Δ log p, answers that changed.
    pub checks_answers: [(&'static str, &'static str); 3],
    shuffled: fn(Shuffled) -> (&'static str, &'static str),
    map_says: fn(MapSays) -> (&'static str, &'static str),
    /// A file of tensors was written without those that are not kept across restarts.
    pub without_tensors: &'static str,
    /// What it says of attention that shuffling it cost the answer something, and nothing.
    pub attention_matters: (&'static str, &'static str),
}

impl EvidenceFurtherTexts {
    /// A direction of curves: its name, and which curve is the better one.
    pub fn way(&self, way: Way) -> (&'static str, &'static str) {
        (self.way)(way)
    }

    /// An order of cells: its name, and what it goes by.
    pub fn order(&self, order: CellOrder) -> (&'static str, &'static str) {
        (self.order)(order)
    }

    /// A step of a chain: its name, and what is done.
    pub fn hop(&self, hop: HopKind) -> (&'static str, &'static str) {
        (self.hop)(hop)
    }

    /// What is shuffled: its name, and what is done.
    pub fn shuffled(&self, shuffled: Shuffled) -> (&'static str, &'static str) {
        (self.shuffled)(shuffled)
    }

    /// What a map says: in a few words, and in a sentence.
    pub fn map_says(&self, says: MapSays) -> (&'static str, &'static str) {
        (self.map_says)(says)
    }

    /// What a chain drops: its name, and what it is.
    pub fn dropped(&self, what: Dropped) -> (&'static str, &'static str) {
        (self.dropped)(what)
    }
}

pub(super) const ENGLISH: EvidenceFurtherTexts = EvidenceFurtherTexts {
    curves: ("Faithfulness", "Cells taken away and given back in the order of each number"),
    chain: ("Chain", "From a token of the answer back to pixels, hop by hop"),
    features: ("Features", "What each encoder made of the picture, as colours"),
    lens: ("Lens", "The likeliest tokens at a cell before and after each sampler"),
    curves_about: (
        "Deletion and insertion",
        "Squares of cells are replaced by the mean over the encoder's tokens, one after the other, or given back. An order is faithful as far \
         as it does better than a random one.",
    ),
    columns: [
        ("order", "What cells go by; the one that matters most goes first."),
        ("area", "Mean Δ log p along the curve (nats): low is better in deletion, high in insertion. Intervention."),
        (
            "normalised",
            "Where the area lies between the mean of the random orders (0) and the greedy order (1); below 0 is worse than random. Intervention.",
        ),
    ],
    random: (
        "random",
        "Mean of the areas of the random orders ± their standard deviation, and how many they are. Intervention.",
    ),
    curves_rung: "Δ log p · intervention",
    across: "part of the picture's cells",
    way: |way| match way {
        Way::Deletion => {
            ("Deletion", "From the whole picture to none: the lower the curve, the more faithful the order.")
        }
        Way::Insertion => {
            ("Insertion", "From none of the picture to all: the higher the curve, the more faithful the order.")
        }
    },
    order: |order| match order {
        CellOrder::Share => ("share", "By the share of the cell's attention: attention."),
        CellOrder::Lift => ("lift", "By the lift in the cell: attention."),
        CellOrder::Norm => ("norm", "By the norm of what was written into the cell: contribution."),
        CellOrder::Gradient => ("gradient × attn", "By gradient × attention in the cell, signed: sensitivity."),
        CellOrder::Effect => ("own effect", "By Δ log p when the square alone is replaced: intervention."),
        CellOrder::Greedy => {
            ("greedy", "In each step the square that moves log p most: the best that looking one step ahead finds.")
        }
        CellOrder::Random(_) => ("random", "In a random order."),
    },
    chain_about: (
        "From a token to pixels",
        "Attention, hop by hop, of 1: where it was read, not what that was worth. States mix in every layer, and encoders see more than the \
         patch a token lies over.",
    ),
    chain_select: "Select a token of the answer to follow its chain.",
    decoder: "Decoder",
    mean: ("mean", "The mean over all layers and heads of the decoder"),
    rollout: (
        "rollout (heuristic)",
        "The layers' mean attention multiplied, half of each position staying where it is: a heuristic that leaves out values, MLPs and samplers",
    ),
    one_head: ("one head", "One layer and head of the decoder"),
    layer_head: ("layer", "head"),
    hop: |hop| match hop {
        HopKind::Decoder => {
            ("token → cells", "What the position that chose the token attended to in the decoder. Attention.")
        }
        HopKind::Sva => {
            ("cells → encoders", "The SVA's attention in these cells, averaged over its layers and heads. Attention.")
        }
        HopKind::Windows => ("encoders → tokens", "The tokens in the cells' windows. Attention."),
        HopKind::Pixels => (
            "tokens → pixels",
            "The pixels of the patches that a token was resized from; the rest of the square is padding. Geometry.",
        ),
    },
    dropped: |what| match what {
        Dropped::Before => (
            "text before",
            "Text before the picture: the system prompt, and the first position, which many heads attend to.",
        ),
        Dropped::Newlines => ("newlines", "The newline tokens after each row of cells."),
        Dropped::After => ("text after", "The question, and the answer so far."),
        Dropped::Unread => ("unread", "Cells that no SVA layer looked at."),
        Dropped::PaddedTokens => ("padding", "Tokens in the padding of the picture."),
        Dropped::PaddedPixels => ("padding", "Parts of patches that lie in the padding, or in no patch."),
    },
    kept_dropped: ("kept", "dropped"),
    total: "kept at last + dropped",
    chain_maps: ("Cells: the decoder's attention", "Pixels: all encoders"),
    features_about: (
        "Features",
        "The three directions in which tokens differ most, as red, green and blue. A direction has no sign: it points to where its distribution \
         leans. ×: abnormal norm.",
    ),
    own: (
        "own directions",
        "Each encoder's features in directions of its own: colours of two maps have nothing to do with each other",
    ),
    shared: (
        "after the projector",
        "Projected tokens in directions that all encoders share: like colours are like features",
    ),
    rank: (
        "effective rank",
        "Over how many directions tokens are spread: (Σ λ)² ÷ Σ λ² of the covariance's eigenvalues. Features, correlational.",
    ),
    sinks: (
        "abnormal norms",
        "Tokens whose norm lies more than 6 median absolute deviations above the median. They can carry global information: not useless. \
         Features, correlational.",
    ),
    explained: ("variance shown", "The part of the variance in red, green and blue. Features, correlational."),
    lens_about: (
        "Lens",
        "A hint: the hidden state of a cell through the final norm and the output matrix. States between layers are not trained to be read \
         this way, and a blank lens is not a blank token.",
    ),
    lens_select: "Point at a cell of the map, or select one.",
    lens_padding: "This cell lies in the padding: the decoder is given nothing of it.",
    lens_none: "This checkpoint has no sampler layers, before and after which a cell could be read.",
    before_after: ("before", "after"),
    after_layer: "Sampler after decoder layer",
    checks: ("Checks", "Whether maps change when the SVA knows nothing, and the answer when attention is shuffled"),
    checks_about: (
        "Checks by shuffling",
        "The same once more with an SVA that knows nothing: the columns of its matrices shuffled, or its attention shuffled among the keys of \
         each cell. Several shuffles each; the least and the largest value stand in parentheses.",
    ),
    checks_maps: [
        ("map", "The numbers of every cell and encoder, by which encoders and cells are compared."),
        (
            "stays alike",
            "Spearman's rank correlation, over cells and encoders, of the map with shuffled weights and the map with trained ones. \
             Intervention on the weights, read in the map.",
        ),
        ("it shows", "What the correlation says of the map."),
    ],
    checks_answers: [
        ("shuffled", "What was shuffled, in every SVA layer."),
        ("Δ log p", "How much less likely the answer became (nats), on average over the shuffles. Intervention."),
        ("answers changed", "Shuffles under which the likeliest answer is another one. Intervention."),
    ],
    shuffled: |shuffled| match shuffled {
        Shuffled::Weights => {
            ("weights", "The columns of every matrix of the SVA: as large as before, and without what they learned.")
        }
        Shuffled::Attention => (
            "attention",
            "In each cell and head, the probabilities go to other keys: as peaked as before, somewhere else.",
        ),
    },
    map_says: |says| match says {
        MapSays::Geometry => (
            "geometry",
            "Much the same with weights that know nothing: it shows how many tokens each encoder has under a cell more than what was learned.",
        ),
        MapSays::Both => ("both", "It changes in part: some of it is learned, some is geometry."),
        MapSays::Learned => {
            ("what was learned", "Another one with weights that know nothing: it shows what the SVA has learned.")
        }
    },
    without_tensors: "Tensors of contributions and gradients are not in it: they are not kept across restarts. A recipe makes them again.",
    attention_matters: (
        "Where the SVA attends matters to this answer: shuffled attention makes it less likely.",
        "Shuffled attention does not make this answer less likely: do not explain it by where the SVA attends.",
    ),
};

pub(super) const CHINESE: EvidenceFurtherTexts = EvidenceFurtherTexts {
    curves: ("忠实度", "按每种数值的次序去除并恢复单元格"),
    chain: ("链", "从回答的一个词元逐步追溯到像素"),
    features: ("特征", "每个编码器从图片得到了什么，以颜色表示"),
    lens: ("透镜", "每个采样层前后，单元格处最可能的词元"),
    curves_about: (
        "删除与插入",
        "成块的单元格逐一换成编码器词元的平均，或逐一恢复。一个次序比随机次序好多少，就有多忠实。",
    ),
    columns: [
        ("次序", "单元格依据什么排列；最重要的在先。"),
        ("面积", "沿曲线的平均 Δ log p（nat）：删除时越低越好，插入时越高越好。属于干预。"),
        ("归一化", "面积在随机次序的平均（0）与贪心次序（1）之间的位置；小于 0 表示不如随机。属于干预。"),
    ],
    random: ("随机", "随机次序面积的平均 ± 标准差，以及次序的数目。属于干预。"),
    curves_rung: "Δ log p · 干预",
    across: "图片单元格的比例",
    way: |way| match way {
        Way::Deletion => ("删除", "从整张图片到全无：曲线越低，次序越忠实。"),
        Way::Insertion => ("插入", "从全无到整张图片：曲线越高，次序越忠实。"),
    },
    order: |order| match order {
        CellOrder::Share => ("占比", "按单元格注意力的占比：注意力。"),
        CellOrder::Lift => ("提升度", "按单元格内的提升度：注意力。"),
        CellOrder::Norm => ("范数", "按写入单元格的向量之范数：贡献。"),
        CellOrder::Gradient => ("梯度 × 注意力", "按单元格内的梯度 × 注意力，带符号：敏感性。"),
        CellOrder::Effect => ("自身效应", "按单独替换该块时的 Δ log p：干预。"),
        CellOrder::Greedy => ("贪心", "每一步取使 log p 变化最大的块：只看一步所能找到的最佳次序。"),
        CellOrder::Random(_) => ("随机", "随机次序。"),
    },
    chain_about: (
        "从词元到像素",
        "逐步的注意力，总量为 1：读取了哪里，而不是那有多大价值。各层的状态相互混合，编码器看到的也不止词元所在的小块。",
    ),
    chain_select: "请在回答中选择一个词元，以追溯它的链。",
    decoder: "解码器",
    mean: ("平均", "解码器所有层与注意力头的平均"),
    rollout: ("rollout（启发式）", "各层平均注意力相乘，每个位置保留一半：一种启发式方法，不计值、MLP 与采样层"),
    one_head: ("单个头", "解码器的一层与一个注意力头"),
    layer_head: ("层", "头"),
    hop: |hop| match hop {
        HopKind::Decoder => ("词元 → 单元格", "选出该词元的位置在解码器中关注了什么。注意力。"),
        HopKind::Sva => ("单元格 → 编码器", "SVA 在这些单元格中的注意力，对其层与头取平均。注意力。"),
        HopKind::Windows => ("编码器 → 词元", "单元格窗口中的词元。注意力。"),
        HopKind::Pixels => ("词元 → 像素", "词元由哪些小块缩放而来，即其像素；正方形的其余部分是填充。几何。"),
    },
    dropped: |what| match what {
        Dropped::Before => ("前文", "图片之前的文字：系统提示，以及许多头所关注的第一个位置。"),
        Dropped::Newlines => ("换行词元", "每行单元格之后的换行词元。"),
        Dropped::After => ("后文", "问题，以及到此为止的回答。"),
        Dropped::Unread => ("未读取", "没有任何 SVA 层查看的单元格。"),
        Dropped::PaddedTokens => ("填充", "位于图片填充部分的词元。"),
        Dropped::PaddedPixels => ("填充", "小块中位于填充部分、或不属于任何小块的部分。"),
    },
    kept_dropped: ("保留", "丢弃"),
    total: "最终保留 + 丢弃",
    chain_maps: ("单元格：解码器的注意力", "像素：全部编码器"),
    features_about: (
        "特征",
        "词元差异最大的三个方向，分别以红、绿、蓝表示。方向本无正负：取其分布偏向的一侧。×：范数异常。",
    ),
    own: ("各自的方向", "每个编码器的特征在自己的方向上：两张图的颜色互不相关"),
    shared: ("投影之后", "投影后的词元在所有编码器共有的方向上：颜色相近即特征相近"),
    rank: ("有效秩", "词元分布在多少个方向上：协方差特征值的 (Σ λ)² ÷ Σ λ²。特征，相关性。"),
    sinks: ("范数异常", "范数高出中位数 6 个绝对中位差以上的词元。它们可能携带全局信息：并非无用。特征，相关性。"),
    explained: ("显示的方差", "红、绿、蓝所占的方差比例。特征，相关性。"),
    lens_about: (
        "透镜",
        "仅供参考：单元格的隐藏状态经过最终归一化与输出矩阵。层间状态并未为此训练，透镜空白不等于词元空白。",
    ),
    lens_select: "请指向图上的一个单元格，或选择一个。",
    lens_padding: "此单元格位于填充部分：解码器得不到它的任何内容。",
    lens_none: "此检查点没有采样层，因而没有可读取其前后的地方。",
    before_after: ("之前", "之后"),
    after_layer: "采样层，位于解码器层之后：",
    checks: ("检验", "当 SVA 一无所知时图是否改变，以及打乱注意力时回答是否改变"),
    checks_about: (
        "打乱检验",
        "用一无所知的 SVA 再测一次：打乱其矩阵的列，或在每个单元格的键之间打乱注意力。各打乱数次；括号内为最小值与最大值。",
    ),
    checks_maps: [
        ("图", "每个单元格与编码器的数值，编码器与单元格据此比较。"),
        (
            "相似程度",
            "打乱权重的图与训练所得的图之间的 Spearman 秩相关，遍及单元格与编码器。对权重的干预，从图中读出。",
        ),
        ("它显示", "该相关说明图显示了什么。"),
    ],
    checks_answers: [
        ("打乱", "在每个 SVA 层中打乱了什么。"),
        ("Δ log p", "回答变得多么不可能（nat），对各次打乱取平均。属于干预。"),
        ("回答改变", "使最可能的回答变成另一个的打乱次数。属于干预。"),
    ],
    shuffled: |shuffled| match shuffled {
        Shuffled::Weights => ("权重", "SVA 每个矩阵的列：大小不变，所学尽失。"),
        Shuffled::Attention => ("注意力", "在每个单元格与注意力头中，概率分给别的键：同样集中，位置不同。"),
    },
    map_says: |says| match says {
        MapSays::Geometry => ("几何", "权重一无所知时仍大致相同：它更多显示每个编码器在单元格下有多少词元，而非所学。"),
        MapSays::Both => ("两者兼有", "部分改变：一部分是所学，一部分是几何。"),
        MapSays::Learned => ("所学", "权重一无所知时变成另一张图：它显示 SVA 学到了什么。"),
    },
    without_tensors: "其中没有贡献与梯度的张量：它们不在重启后保留。可用配方重新生成。",
    attention_matters: (
        "SVA 关注哪里对这个回答很重要：打乱注意力会使它变得不可能。",
        "打乱注意力并未使这个回答变得不可能：不要用 SVA 关注的位置来解释它。",
    ),
};
