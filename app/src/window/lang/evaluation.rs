//! Sets of questions, runs of them, and benchmarks.

use super::Texts;
use crate::evaluation::{Quadrant, in_engine_words};
use crate::window::state::EvaluationField;
use opabinia_eval::score::Protocol;

/// What the window says of sets of questions.
#[derive(Debug)]
pub struct EvaluationTexts {
    /// The panel's name.
    pub title: &'static str,
    /// Its parts: a run, benchmarks.
    pub tabs: [&'static str; 2],
    /// Names of the fields: set, run, other run, conditions, rows at most, table, groups.
    fields: [&'static str; 7],
    /// What can be typed as a set.
    pub set_hint: &'static str,
    /// What can be typed as a run.
    pub run_hint: &'static str,
    /// What can be typed as another run.
    pub other_hint: &'static str,
    /// What can be typed as rows at most.
    pub limit_hint: &'static str,
    /// What can be typed as a table.
    pub table_hint: &'static str,
    /// What can be typed as a table of groups.
    pub groups_hint: &'static str,
    /// Opens what is typed.
    pub open: &'static str,
    /// Asks for a file.
    pub browse: &'static str,
    /// Closes the other run.
    pub close_other: &'static str,
    /// How questions are asked.
    pub protocol: &'static str,
    /// The protocol that fits the model.
    pub usual_protocol: &'static str,
    /// What a protocol does.
    pub rule: fn(Protocol) -> &'static str,
    /// No set is open.
    pub no_set: &'static str,
    /// What a set is: its name, questions and pictures.
    pub set_is: fn(&str, usize, usize) -> String,
    /// So many rows were left out.
    pub left_out: fn(usize) -> String,
    /// So many questions could not be asked.
    pub unanswered: fn(usize) -> String,
    /// Heading of examples.
    pub examples: &'static str,
    /// Begins a run.
    pub start: &'static str,
    /// Goes on with one.
    pub resume: &'static str,
    /// What that does.
    pub start_tip: &'static str,
    /// Stops after the picture in hand.
    pub pause: &'static str,
    /// Stops at once.
    pub pause_at_once: &'static str,
    /// What both do.
    pub pause_tip: &'static str,
    /// The checkpoint is being read.
    pub preparing: &'static str,
    /// How far it is: questions done and all, per second, time left.
    pub progress: fn(usize, usize, Option<f64>, Option<&str>) -> String,
    /// All is asked.
    pub complete: &'static str,
    /// It was stopped.
    pub paused: &'static str,
    /// No model is open.
    pub no_model: &'static str,
    /// No set is open.
    pub set_first: &'static str,
    /// What was typed as rows at most is no number.
    pub bad_limit: &'static str,
    /// Nobody said where the run is kept.
    pub no_place: &'static str,
    /// What a run is: questions asked and all, clusters, protocol, numbers.
    pub run_is: fn(usize, usize, usize, &str, &str) -> String,
    /// Heading of conditions.
    pub condition: &'static str,
    /// All tasks together.
    pub all_tasks: &'static str,
    /// A task.
    pub task: &'static str,
    /// Heading of the difference to the first condition.
    pub change: &'static str,
    /// The difference in words: it, its ends, p, the smallest that would show.
    pub change_is: fn(&str, &str, &str, f64, f64) -> String,
    /// What chance and the most frequent answer give.
    pub grey_rows: fn(f64, f64) -> String,
    /// The options have little of the probability.
    pub little_mass: fn(f64) -> String,
    /// A click lists the items.
    pub list_items: &'static str,
    /// Heading of two columns.
    pub pair: &'static str,
    /// The first column, the second.
    pub columns: [&'static str; 2],
    /// Right or wrong in the first column.
    pub first_is: fn(bool, &str) -> String,
    /// Right or wrong in the second.
    pub second_is: fn(bool, &str) -> String,
    /// The four fields.
    quadrants: [&'static str; 4],
    /// The difference in words: it, its ends, p, the smallest that would show, clusters.
    pub pair_is: fn(&str, &str, &str, f64, f64, usize) -> String,
    /// Heading of items.
    pub items: &'static str,
    /// All of them.
    pub all_items: &'static str,
    /// One.
    pub item: &'static str,
    /// Right, wrong.
    pub right_or_wrong: [&'static str; 2],
    /// The right answer follows.
    pub right_answer: &'static str,
    /// The answer that was given.
    pub answer: &'static str,
    /// The option was chosen.
    pub chosen: &'static str,
    /// The probability of all options together.
    pub mass: fn(f32) -> String,
    /// The picture of an item.
    pub picture: &'static str,
    /// Pictures come from the set.
    pub set_for_pictures: &'static str,
    /// The model that answers is another than the run's.
    pub other_model: &'static str,
    /// Asks the item in the conversation.
    pub ask_item: &'static str,
    /// What that does.
    pub ask_item_tip: &'static str,
    /// What the page of benchmarks does.
    pub benchmarks_are: &'static str,
    /// How many benchmarks and models there are.
    pub table_is: fn(usize, usize) -> String,
    /// How the figure is read.
    pub figure_is: &'static str,
    /// What the figure is called.
    pub figure: &'static str,
    /// Writes it.
    pub export: &'static str,
    /// Title of the dialog.
    pub export_benchmarks: &'static str,
}

impl EvaluationTexts {
    /// What a field is called.
    pub fn field(&self, field: EvaluationField) -> &'static str {
        self.fields[field as usize]
    }

    /// What a field of two columns is called.
    pub fn quadrant(&self, quadrant: Quadrant) -> &'static str {
        self.quadrants[quadrant as usize]
    }

    /// A failure to read a set, a run or a table, in lines.
    pub fn fault(&self, texts: &Texts, error: opabinia_eval::Error) -> String {
        texts.engine.error(&in_engine_words(error))
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

pub(super) const ENGLISH: EvaluationTexts = EvaluationTexts {
    title: "Evaluation",
    tabs: ["Set and run", "Benchmarks"],
    fields: ["Set", "Run", "Compare with run", "Conditions", "Rows at most", "Table", "Groups"],
    set_hint: "a .jsonl, .tsv or .parquet file, a folder, or nyu-visionx/CV-Bench",
    run_hint: "folder of a run; empty: beside the program's own data",
    other_hint: "folder of another run over the same set",
    limit_hint: "all",
    table_hint: "CSV: benchmarks on top, models in front",
    groups_hint: "CSV: benchmark, group (optional)",
    open: "Open",
    browse: "Choose",
    close_other: "Close the second run",
    protocol: "Protocol",
    usual_protocol: "what fits the checkpoint",
    rule: |protocol| match protocol {
        Protocol::LogProb => "The option whose letter is the most probable beginning of the answer.",
        Protocol::LogProbText => "The option whose text is the most probable whole answer.",
        Protocol::Official => "A greedy answer, read as CV-Bench's authors read it: its first character.",
        Protocol::LmmsEval => "A greedy answer to lmms-eval's prompt, read as lmms-eval reads it: its first letter.",
        Protocol::Strict => "A greedy answer that names exactly one option.",
        Protocol::Exact => "A greedy answer that is the expected text, word for word.",
    },
    no_set: "Open a set of questions, or drop one here. Nothing is downloaded.",
    set_is: |name, questions, pictures| format!("{name}: {questions} questions about {pictures} pictures"),
    left_out: |count| format!("{count} rows of the set are left out:"),
    unanswered: |count| format!("{count} questions could not be asked"),
    examples: "Which ones",
    start: "Start",
    resume: "Resume",
    start_tip: "Ask every question that is not finished, under every condition. Whatever you ask meanwhile goes first.",
    pause: "Pause",
    pause_at_once: "Pause at once",
    pause_tip: "Stops after the picture in hand; a second click stops at once. What is finished is kept, and the command line can go on with it, too.",
    preparing: "reading the checkpoint's files…",
    progress: |done, total, rate, left| match (rate, left) {
        (Some(rate), Some(left)) => format!("{done} / {total} · {rate:.1}/s · {left} left"),
        _ => format!("{done} / {total}"),
    },
    complete: "Every question is asked.",
    paused: "Paused. What is finished is kept.",
    no_model: "Open a checkpoint first.",
    set_first: "Open the set to go on.",
    bad_limit: "“Rows at most” is a whole number from 1, or empty for all rows.",
    no_place: "Type a folder for the run: this window keeps nothing of its own.",
    run_is: |items, all, clusters, protocol, precision| {
        format!("{items} of {all} questions in {clusters} clusters · protocol {protocol} · {precision}")
    },
    condition: "condition",
    all_tasks: "all tasks",
    task: "task",
    change: "change, points [95 %]",
    change_is: |change, low, high, p, smallest| {
        format!(
            "{change} points to the first condition, 95 % interval {low} to {high} (bootstrap over clusters); {} after Holm. \
             This set shows differences from ± {smallest:.1} points.",
            p_value(p)
        )
    },
    grey_rows: |chance, majority| {
        format!(
            "Chance: {:.1} %. The most frequent answer of each task: {:.1} %. Bars: Wilson 95 % intervals, with a line at chance.",
            100.0 * chance,
            100.0 * majority
        )
    },
    little_mass: |mass| {
        format!(
            "The options have {:.0} % of the probability at most: the model was about to say something else, and the choice \
             among them says little. If it answers in words, use logprob-text.",
            100.0 * mass
        )
    },
    list_items: "Click to list the questions behind this number",
    pair: "Two columns beside each other",
    columns: ["first", "second"],
    first_is: |right, name| format!("{} under {name}", if right { "right" } else { "wrong" }),
    second_is: |right, name| format!("{} under {name}", if right { "right" } else { "wrong" }),
    quadrants: ["Right in both", "Right only in the first", "Right only in the second", "Wrong in both"],
    pair_is: |difference, low, high, p, smallest, clusters| {
        format!(
            "Second minus first: {difference} points, 95 % interval {low} to {high} over {clusters} clusters, {}. This set shows \
             differences from ± {smallest:.1} points.",
            p_value(p)
        )
    },
    items: "Questions",
    all_items: "All",
    item: "Question",
    right_or_wrong: ["right", "wrong"],
    right_answer: "Right answer:",
    answer: "answer",
    chosen: "chosen",
    mass: |mass| format!("{:.0} % on options", 100.0 * mass),
    picture: "Picture of the question",
    set_for_pictures: "Open the set to see the picture and to ask the question.",
    other_model: "The checkpoint that answers is not the one of this run.",
    ask_item: "Ask",
    ask_item_tip: "Ask it in a conversation of its own and show the maps, with this condition switched on",
    benchmarks_are: "Which benchmarks say the same? Principal components and a tree of correlations, from a table of models × \
                     benchmarks. `opabinia eval correlate` writes the same figure, and makes such a table of runs.",
    table_is: |benchmarks, models| format!("{benchmarks} benchmarks, {models} models"),
    figure_is: "Left: principal components of the standardised table. Dots are models, lines are benchmarks, as long as they \
                correlate with the two components (the circle is 1). Right: average linkage over 1 − r. With few models, \
                chance brings benchmarks together, too.",
    figure: "Biplot and tree of benchmarks",
    export: "Export",
    export_benchmarks: "Export the figure of benchmarks",
};

pub(super) const CHINESE: EvaluationTexts = EvaluationTexts {
    title: "评测",
    tabs: ["题集与运行", "基准"],
    fields: ["题集", "运行", "与另一运行比较", "条件", "最多行数", "表格", "分组"],
    set_hint: ".jsonl、.tsv 或 .parquet 文件、文件夹，或 nyu-visionx/CV-Bench",
    run_hint: "运行的文件夹；留空则保存在程序自己的数据旁",
    other_hint: "同一题集的另一次运行的文件夹",
    limit_hint: "全部",
    table_hint: "CSV：首行为基准，首列为模型",
    groups_hint: "CSV：基准、分组（可选）",
    open: "打开",
    browse: "选择",
    close_other: "关闭第二个运行",
    protocol: "协议",
    usual_protocol: "按检查点选择",
    rule: |protocol| match protocol {
        Protocol::LogProb => "选项字母作为回答开头概率最高者。",
        Protocol::LogProbText => "选项文字作为完整回答概率最高者。",
        Protocol::Official => "贪心生成的回答，按 CV-Bench 作者的方式读取：取首个字符。",
        Protocol::LmmsEval => "用 lmms-eval 的提示贪心生成的回答，按 lmms-eval 的方式读取：取首个字母。",
        Protocol::Strict => "贪心生成、恰好指明一个选项的回答。",
        Protocol::Exact => "贪心生成、与标准答案逐字相同的回答。",
    },
    no_set: "请打开一套题目，或拖放到此处。不会下载任何内容。",
    set_is: |name, questions, pictures| format!("{name}：{questions} 个问题，{pictures} 张图片"),
    left_out: |count| format!("题集中有 {count} 行未使用："),
    unanswered: |count| format!("{count} 个问题无法提问"),
    examples: "具体是哪些",
    start: "开始",
    resume: "继续",
    start_tip: "在每个条件下提出所有尚未完成的问题。期间您提出的问题优先回答。",
    pause: "暂停",
    pause_at_once: "立即暂停",
    pause_tip: "完成手头图片后停止；再次点击则立即停止。已完成的部分会保留，命令行也可以接着运行。",
    preparing: "正在读取检查点文件…",
    progress: |done, total, rate, left| match (rate, left) {
        (Some(rate), Some(left)) => format!("{done} / {total} · 每秒 {rate:.1} 题 · 剩余 {left}"),
        _ => format!("{done} / {total}"),
    },
    complete: "所有问题均已提问。",
    paused: "已暂停。已完成的部分已保留。",
    no_model: "请先打开检查点。",
    set_first: "请打开题集以继续。",
    bad_limit: "“最多行数”应为不小于 1 的整数，留空表示全部。",
    no_place: "请为运行指定文件夹：此窗口不保存自己的数据。",
    run_is: |items, all, clusters, protocol, precision| {
        format!("{all} 个问题中的 {items} 个，{clusters} 个簇 · 协议 {protocol} · {precision}")
    },
    condition: "条件",
    all_tasks: "全部任务",
    task: "任务",
    change: "变化（百分点）[95 %]",
    change_is: |change, low, high, p, smallest| {
        format!(
            "相对第一个条件 {change} 个百分点，95 % 区间 {low} 至 {high}（按簇自助法）；Holm 校正后 {}。\
             此题集能显示 ± {smallest:.1} 个百分点以上的差异。",
            p_value(p)
        )
    },
    grey_rows: |chance, majority| {
        format!(
            "随机水平：{:.1} %。各任务最常见答案：{:.1} %。横条为 Wilson 95 % 区间，竖线为随机水平。",
            100.0 * chance,
            100.0 * majority
        )
    },
    little_mass: |mass| {
        format!(
            "各选项合计至多占 {:.0} % 的概率：模型本来要说别的，选项间的选择说明不了什么。若它用文字作答，请用 logprob-text。",
            100.0 * mass
        )
    },
    list_items: "点击列出此数值对应的问题",
    pair: "两列并排",
    columns: ["第一列", "第二列"],
    first_is: |right, name| format!("{name} 下{}", if right { "正确" } else { "错误" }),
    second_is: |right, name| format!("{name} 下{}", if right { "正确" } else { "错误" }),
    quadrants: ["两列都正确", "仅第一列正确", "仅第二列正确", "两列都错误"],
    pair_is: |difference, low, high, p, smallest, clusters| {
        format!(
            "第二列减第一列：{difference} 个百分点，{clusters} 个簇上的 95 % 区间 {low} 至 {high}，{}。\
             此题集能显示 ± {smallest:.1} 个百分点以上的差异。",
            p_value(p)
        )
    },
    items: "问题",
    all_items: "全部",
    item: "问题",
    right_or_wrong: ["正确", "错误"],
    right_answer: "正确答案：",
    answer: "回答",
    chosen: "所选",
    mass: |mass| format!("选项合计 {:.0} %", 100.0 * mass),
    picture: "问题的图片",
    set_for_pictures: "打开题集后可查看图片并提问。",
    other_model: "当前回答的检查点不是此运行所用的。",
    ask_item: "提问",
    ask_item_tip: "在新对话中提问并显示注意力图，同时启用此条件",
    benchmarks_are: "哪些基准说的是同一件事？由“模型 × 基准”表格得出主成分与相关性树。`opabinia eval correlate` 写出同样的图，\
                     也能由多次运行生成这样的表格。",
    table_is: |benchmarks, models| format!("{benchmarks} 个基准，{models} 个模型"),
    figure_is: "左：标准化表格的主成分。点为模型，线为基准，线长表示与两个主成分的相关性（圆为 1）。右：以 1 − r 为距离的平均连接。\
                模型很少时，偶然性也会使基准靠近。",
    figure: "基准的双标图与树",
    export: "导出",
    export_benchmarks: "导出基准的图",
};
