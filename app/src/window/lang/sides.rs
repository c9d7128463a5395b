//! Words about both sides of a comparison in one pane.

use crate::window::state::SidesLook;

/// Words about both sides of a comparison in one pane.
#[derive(Debug)]
pub struct SidesTexts {
    /// Names and tips of the ways to look, as [`SidesLook::ALL`].
    looks: [(&'static str, &'static str); 5],
    /// What is chosen among them.
    pub look_label: &'static str,
    /// The switch that holds both to one range of colours.
    pub one_scale: (&'static str, &'static str),
    /// That is broken.
    pub scales_apart: &'static str,
    /// The line of a wipe.
    pub wipe_line: &'static str,
    /// B has nothing that belongs there.
    pub no_counterpart: &'static str,
    /// Before layers of A that are left out, as B lacks them.
    pub left_out: &'static str,
    /// One of the two checkpoints is not open.
    pub side_missing: &'static str,
    /// The model whose maps a pane shows is not open.
    pub model_missing: &'static str,
    /// Shows the maps of the one that is.
    pub one_side: &'static str,
    /// Only shares have a difference: the two are of different shapes.
    pub unlike: &'static str,
    /// Heading of the map of a matched encoder's difference of shares.
    pub share_difference: &'static str,
    /// The unit of divergence.
    pub divergence_unit: &'static str,
    /// What the divergence of two cells is taken over where their windows are not the same tokens, and other notes of the
    /// comparison: over encoders, resampled.
    pub notes: [&'static str; 2],
    /// Numbers of both are being compared.
    pub comparing: &'static str,
    /// What a difference or divergence of two checkpoints is evidence of.
    pub evidence: &'static str,
    /// Heading of the numbers of a cell on both sides.
    pub both_numbers: &'static str,
    /// The cell's place on the grid of B, where that is another one.
    pub cell_of_b: fn(u32, u32, u32) -> String,
}

impl SidesTexts {
    /// What a way to look is called, and what it shows.
    pub fn look(&self, look: SidesLook) -> (&'static str, &'static str) {
        match look {
            SidesLook::Beside => self.looks[0],
            SidesLook::Swap => self.looks[1],
            SidesLook::Wipe => self.looks[2],
            SidesLook::Difference => self.looks[3],
            SidesLook::Divergence => self.looks[4],
        }
    }
}

pub(super) const ENGLISH: SidesTexts = SidesTexts {
    looks: [
        ("Side by side", "A to the left, B to the right"),
        ("Swap", "A; hold X to see B in its place"),
        ("Wipe", "A to the left of a line that can be dragged, B to the right of it; hold X to swap them"),
        ("Difference", "B − A, with 0 in the middle of the colours"),
        ("Divergence", "How far the attention of each cell differs, over all of its keys: 0 to 1 bit"),
    ],
    look_label: "A and B",
    one_scale: ("One scale", "A and B span one range of colours; switch it off to give each map its own"),
    scales_apart: "A and B are on different scales: equal colours are not equal values",
    wipe_line: "Line between A and B",
    no_counterpart: "no counterpart",
    left_out: "Left out, as B has no counterpart:",
    side_missing: "This pane shows two checkpoints side by side, and one of them is not open.",
    model_missing: "This pane shows the maps of a model that is not open.",
    one_side: "Show one",
    unlike: "The two are of different shapes: the difference of shares is shown, mean over all heads, where both have a \
             counterpart.",
    share_difference: "share in B − share in A",
    divergence_unit: "Jensen–Shannon divergence of attention, in bits",
    notes: [
        "Windows differ: divergence is over encoders, not over single keys.",
        "Query grids differ: each cell is compared with the one that holds its centre (resampled).",
    ],
    comparing: "comparing A and B",
    evidence: "Evidence: attention (correlational): where the two checkpoints attended otherwise, not what that contributed.",
    both_numbers: "Both sides",
    cell_of_b: |row, column, side| format!("B: cell {row}, {column} of {side} × {side} (resampled)"),
};

pub(super) const CHINESE: SidesTexts = SidesTexts {
    looks: [
        ("并排", "A 在左，B 在右"),
        ("互换", "显示 A；按住 X 在原位显示 B"),
        ("分隔线", "可拖动的分隔线左侧为 A，右侧为 B；按住 X 互换"),
        ("差值", "B − A，颜色以 0 为中心"),
        ("散度", "每个单元格在其全部键上的注意力相差多少：0 到 1 比特"),
    ],
    look_label: "A 与 B",
    one_scale: ("同一标度", "A 与 B 使用同一颜色范围；关闭后每张图各用自己的范围"),
    scales_apart: "A 与 B 的标度不同：颜色相同不代表数值相同",
    wipe_line: "A 与 B 之间的分隔线",
    no_counterpart: "无对应项",
    left_out: "B 无对应项，已略去：",
    side_missing: "此窗格并排显示两个检查点，但其中一个未打开。",
    model_missing: "此窗格显示的注意力图属于一个未打开的模型。",
    one_side: "只显示一个",
    unlike: "两者形状不同：在有对应项之处显示占比之差，对全部注意力头求平均。",
    share_difference: "B 中的占比 − A 中的占比",
    divergence_unit: "注意力的 Jensen–Shannon 散度（比特）",
    notes: ["窗口不同：散度按编码器而非单个键计算。", "查询网格不同：每个单元格与包含其中心的单元格比较（已重采样）。"],
    comparing: "正在比较 A 与 B",
    evidence: "证据：注意力（相关性）：表示两个检查点关注之处如何不同，不代表其贡献。",
    both_numbers: "两侧",
    cell_of_b: |row, column, side| format!("B：{side} × {side} 网格的单元格 {row}, {column}（已重采样）"),
};
