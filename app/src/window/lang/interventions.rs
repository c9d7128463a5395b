//! Words about interventions.

use opabinia_engine::intervention::{Action, Intervention, Interventions, Place};

/// Words about interventions.
#[derive(Debug)]
pub struct InterventionTexts {
    /// The button that switches an encoder off; its name follows.
    pub switch: &'static str,
    /// The encoder is as it is.
    pub on: (&'static str, &'static str),
    /// Its keys are masked.
    pub mask: (&'static str, &'static str),
    /// Its tokens are replaced by their mean.
    pub mean: (&'static str, &'static str),
    /// Its features are zero.
    pub zero: (&'static str, &'static str),
    /// Before what is switched off.
    pub off: &'static str,
    /// Shows the maps under the intervention.
    pub maps_under: (&'static str, &'static str),
    /// Shows their difference to the plain ones.
    pub difference: (&'static str, &'static str),
    /// Switches everything on again.
    pub everything_on: (&'static str, &'static str),
    /// Takes a cell away, and brings it back.
    pub cell: (&'static str, &'static str),
    /// How a region is brushed.
    pub brush: &'static str,
    /// Under the plain answer, before what is off.
    pub answer_under: &'static str,
    /// Both answers are the same.
    pub same_answer: &'static str,
    /// Asks under the intervention.
    pub ask_under: (&'static str, &'static str),
    /// What kind of evidence that is.
    pub evidence: &'static str,
    /// Line under a difference of maps.
    pub difference_evidence: &'static str,
    masked: fn(&str) -> String,
    mean_of: fn(&str) -> String,
    zero_of: fn(&str) -> String,
    region: fn(usize) -> String,
    rectangle: fn([usize; 4]) -> String,
    joined: &'static str,
}

impl InterventionTexts {
    /// What is done, in words; what no control of the window does, as the SPEC that the command line takes. `names` are those of
    /// the encoders, `spec` writes one.
    pub fn words(
        &self,
        interventions: &Interventions,
        names: &[String],
        spec: impl Fn(&Interventions) -> String,
    ) -> String {
        let name = |k: &usize| names.get(*k).map_or_else(|| k.to_string(), Clone::clone);
        let mut parts: Vec<String> = Vec::new();
        for one in interventions.iter() {
            let said = match &one.action {
                _ if one.at != Place::Everywhere => spec(&[one.clone()].into_iter().collect()),
                Action::Mask { encoder } => (self.masked)(&name(encoder)),
                Action::Mean { encoder } => (self.mean_of)(&name(encoder)),
                Action::Zero { encoder } => (self.zero_of)(&name(encoder)),
                Action::Region { encoder, cells } => {
                    // All encoders are switched off there together.
                    let first = |other: &&Intervention| matches!(&other.action, Action::Region { cells: same, .. } if same == cells);
                    let leader = interventions.iter().find(first).map(|other| &other.action);
                    if leader != Some(&one.action) && leader.is_some_and(|action| action.encoder() != Some(*encoder)) {
                        continue;
                    }
                    match cells.rectangles().as_slice() {
                        [(rows, columns)] => (self.rectangle)([
                            rows.start,
                            rows.end.saturating_sub(1),
                            columns.start,
                            columns.end.saturating_sub(1),
                        ]),
                        _ => (self.region)(cells.len()),
                    }
                }
                _ => spec(&[one.clone()].into_iter().collect()),
            };
            parts.push(said);
        }
        parts.join(self.joined)
    }
}

pub(super) const ENGLISH: InterventionTexts = InterventionTexts {
    switch: "Switch on or off:",
    on: ("On", "The encoder is read as it is"),
    mask: ("Keys masked", "No cell can attend to this encoder: its keys are masked in every SVA layer"),
    mean: ("Tokens averaged", "Each of its tokens becomes the mean of all: its keys stay, what is where is gone"),
    zero: ("Features zero", "Its projected features become zero; its keys stay"),
    off: "Off:",
    maps_under: ("Maps under it", "The attention of the run with this switched off"),
    difference: ("Difference", "The run with this switched off minus the plain one: 0 in the middle of the colours"),
    everything_on: ("All on", "Switch everything on again"),
    cell: (
        "Cell on or off",
        "Replace what all encoders see under the selected cell by their means, or bring it back. Shift-drag on the map for a region",
    ),
    brush: "Shift-drag: switch off a region",
    answer_under: "Under the intervention:",
    same_answer: "The same answer",
    ask_under: ("Ask under it", "Ask the same question with this switched off"),
    evidence: "Evidence: intervention: what the answer became when this was switched off.",
    difference_evidence: "Evidence: how attention changed when this was switched off (intervention on the pass, read in its attention).",
    masked: |name| format!("{name} (keys masked)"),
    mean_of: |name| format!("{name} (tokens averaged)"),
    zero_of: |name| format!("{name} (features zero)"),
    region: |count| format!("{count} cells (averaged)"),
    rectangle: |[top, bottom, left, right]| {
        if top == bottom && left == right {
            format!("cell ({top}, {left}) (averaged)")
        } else {
            format!("rows {top}–{bottom}, columns {left}–{right} (averaged)")
        }
    },
    joined: " + ",
};

pub(super) const CHINESE: InterventionTexts = InterventionTexts {
    switch: "开启或关闭：",
    on: ("开启", "照常读取此编码器"),
    mask: ("屏蔽键", "任何单元格都不能关注此编码器：它的键在每个 SVA 层中都被屏蔽"),
    mean: ("词元取均值", "它的每个词元都换成全部词元的均值：键仍在，位置信息消失"),
    zero: ("特征置零", "它投影后的特征置零；键仍在"),
    off: "已关闭：",
    maps_under: ("干预下的图", "关闭后那次运行的注意力"),
    difference: ("差值", "关闭后的运行减去原运行：0 位于颜色中间"),
    everything_on: ("全部开启", "重新开启全部"),
    cell: ("单元格开 / 关", "把所选单元格下各编码器的内容换成其均值，或恢复。在图上按住 Shift 拖动可选择区域"),
    brush: "按住 Shift 拖动：关闭一个区域",
    answer_under: "干预下的回答：",
    same_answer: "回答相同",
    ask_under: ("在干预下提问", "关闭后再问同一个问题"),
    evidence: "证据：干预。关闭后回答变成了什么。",
    difference_evidence: "证据：关闭后注意力如何变化（对运行的干预，从注意力中读出）。",
    masked: |name| format!("{name}（键被屏蔽）"),
    mean_of: |name| format!("{name}（词元取均值）"),
    zero_of: |name| format!("{name}（特征置零）"),
    region: |count| format!("{count} 个单元格（取均值）"),
    rectangle: |[top, bottom, left, right]| {
        if top == bottom && left == right {
            format!("单元格 ({top}, {left})（取均值）")
        } else {
            format!("第 {top}–{bottom} 行、第 {left}–{right} 列（取均值）")
        }
    },
    joined: " + ",
};
