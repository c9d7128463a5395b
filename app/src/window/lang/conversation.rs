//! Asking and answering.

use crate::window::state::Sampling;

/// What the window says about conversations.
#[derive(Debug)]
pub struct ConversationTexts {
    /// Opens the list of conversations.
    pub conversations: &'static str,
    /// A conversation without a question.
    pub untitled: &'static str,
    /// How many questions it has.
    pub questions: fn(usize) -> String,
    /// Removes the conversation of this title.
    pub remove: fn(&str) -> String,
    /// The conversation of this title was removed.
    pub removed: fn(&str) -> String,
    /// Brings it back.
    pub bring_back: &'static str,
    /// Another answer was begun.
    pub answered_again: &'static str,
    /// An answer goes on from another token.
    pub continued: &'static str,
    /// Opens the list of samples.
    pub samples: &'static str,
    /// What samples are.
    pub samples_tip: &'static str,
    /// Maps and numbers are of the checkpoint of this name.
    pub maps_of: &'static str,
    /// The same, where another one gave the answer that is shown.
    pub maps_of_another: &'static str,
    /// Nobody has asked anything.
    pub empty: &'static str,
    /// Nobody has asked anything about the picture.
    pub empty_with_picture: &'static str,
    /// Name of the field for the question.
    pub question: &'static str,
    /// Hint in that field.
    pub question_hint: &'static str,
    /// Hint in that field when there is no picture.
    pub question_hint_text_only: &'static str,
    /// Asks.
    pub ask: &'static str,
    /// How to ask with the keyboard.
    pub ask_tip: &'static str,
    /// Stops the answer.
    pub stop: &'static str,
    /// How to stop with the keyboard.
    pub stop_tip: &'static str,
    /// Attaches a picture.
    pub attach: &'static str,
    /// Takes the picture away.
    pub detach: &'static str,
    /// What pixels from the clipboard are called.
    pub pasted: &'static str,
    /// Another picture has begun another conversation.
    pub begun_for_picture: &'static str,
    /// Opens the settings of answers.
    pub settings: &'static str,
    /// A question is being edited.
    pub editing: &'static str,
    /// Gives up editing.
    pub cancel_edit: &'static str,
    /// Changes the question.
    pub edit: &'static str,
    /// Asks again.
    pub regenerate: &'static str,
    /// Copies the answer.
    pub copy: &'static str,
    /// Shows the answer as tokens.
    pub show_tokens: &'static str,
    /// What that is good for.
    pub show_tokens_tip: &'static str,
    /// Shows the answer as formatted text.
    pub show_text: &'static str,
    /// What that is good for.
    pub show_text_tip: &'static str,
    /// Shows the branch before.
    pub previous_branch: &'static str,
    /// Shows the branch after.
    pub next_branch: &'static str,
    /// What branches are.
    pub branches: &'static str,
    /// The answer waits.
    pub waiting: &'static str,
    /// Reading a picture.
    pub reading_picture: &'static str,
    /// A picture could not be read.
    pub picture_failed: &'static str,
    /// What is known of a picture was lost.
    pub picture_gone: &'static str,
    /// Its file holds something else.
    pub picture_changed: &'static str,
    /// The encoders run.
    pub stage_encode: &'static str,
    /// The connector runs.
    pub stage_connect: &'static str,
    /// The decoder runs over the question.
    pub stage_prefill: &'static str,
    /// The answer will stop.
    pub stopping: &'static str,
    /// A person stopped it.
    pub stopped: &'static str,
    /// It was cut off.
    pub full: &'static str,
    /// It failed.
    pub failed: &'static str,
    /// How many tokens the answer has.
    pub tokens: fn(usize) -> String,
    /// Seconds to the first token.
    pub first_token: fn(f32) -> String,
    /// Tokens per second.
    pub tokens_per_second: fn(f32) -> String,
    /// Which checkpoint answered.
    pub answered_by: fn(&str) -> String,
    /// How the answer was chosen.
    pub sampled: fn(&Sampling) -> String,
    /// A token by its number and text.
    pub token: fn(usize, &str) -> String,
    /// A token that was chosen, and its probability.
    pub chosen_token: fn(&str, &str) -> String,
    /// Answers again with this token, whose probability this is.
    pub continue_from: fn(&str, &str) -> String,
    /// Lets the answer go on from an alternative.
    pub go_on: &'static str,
    /// How to come to the alternatives.
    pub continue_hint: &'static str,
    /// Shows all of a question of so many letters.
    pub show_all: fn(usize) -> String,
    /// Shows its beginning only.
    pub show_less: &'static str,
    /// Setting: temperature.
    pub temperature: &'static str,
    /// What it does.
    pub temperature_tip: &'static str,
    /// Setting: top-p.
    pub top_p: &'static str,
    /// What it does.
    pub top_p_tip: &'static str,
    /// Setting: top-k.
    pub top_k: &'static str,
    /// What it does.
    pub top_k_tip: &'static str,
    /// Setting: seed.
    pub seed: &'static str,
    /// What it does.
    pub seed_tip: &'static str,
    /// Setting: the greatest number of tokens.
    pub max_tokens: &'static str,
    /// What it does.
    pub max_tokens_tip: &'static str,
    /// Back to the first settings.
    pub defaults: &'static str,
    /// Answers are not left to chance.
    pub greedy: &'static str,
    /// Answers are drawn.
    pub random: &'static str,
    /// Setting: system text.
    pub system: &'static str,
    /// What it does.
    pub system_tip: &'static str,
    /// Hint in its field.
    pub system_hint: &'static str,
}

pub(super) const ENGLISH: ConversationTexts = ConversationTexts {
    conversations: "Conversations",
    untitled: "New conversation",
    questions: |count| if count == 1 { "1 question".to_owned() } else { format!("{count} questions") },
    remove: |title| format!("Remove “{title}”"),
    removed: |title| format!("Removed “{title}”"),
    bring_back: "Undo",
    answered_again: "Answering again, in a new branch",
    continued: "A new answer goes on from that token, in a new branch",
    samples: "Samples",
    samples_tip: "Pictures that are part of the program, and questions about them",
    maps_of: "Maps and numbers of",
    maps_of_another: "Another checkpoint gave the answer that is shown. Maps and numbers are of",
    empty: "Attach a picture and ask about it,\nor ask without one.",
    empty_with_picture: "Ask about the picture.\nEvery word of the answer can be clicked.",
    question: "Question",
    question_hint: "Ask about the picture",
    question_hint_text_only: "Ask without a picture, or drop one here",
    ask: "Ask",
    ask_tip: "Enter asks, Shift+Enter begins a new line",
    stop: "Stop",
    stop_tip: "Esc stops the answer",
    attach: "Attach a picture",
    detach: "Remove the picture",
    pasted: "Pasted picture",
    begun_for_picture: "All questions of a conversation are about the same picture, so this is a new conversation.",
    settings: "How answers are chosen",
    editing: "Edited, it will be asked beside the old question.",
    cancel_edit: "Stop editing",
    edit: "Edit the question",
    regenerate: "Regenerate",
    copy: "Copy the answer",
    show_tokens: "Tokens",
    show_tokens_tip: "Show the tokens of the answer: point at one for its probability",
    show_text: "Formatted",
    show_text_tip: "Show the answer as formatted text",
    previous_branch: "Previous branch",
    next_branch: "Next branch",
    branches: "This question was asked, or answered, in more than one way",
    waiting: "Waiting for its turn",
    reading_picture: "Reading the picture",
    picture_failed: "The picture could not be read",
    picture_gone: "The picture this was asked about is no longer known. Attach it and ask anew.",
    picture_changed: "The picture's file has changed since it was attached. Attach it again to ask about what it is now.",
    stage_encode: "The encoders look at the picture",
    stage_connect: "The SVA gathers what they saw",
    stage_prefill: "Prefill: the language model reads the prompt",
    stopping: "Stopping",
    stopped: "Stopped",
    full: "Stopped at the token limit",
    failed: "There is no answer",
    tokens: |count| if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") },
    first_token: |secs| format!("first token {secs:.2} s"),
    tokens_per_second: |speed| format!("{speed:.1} tokens/s"),
    answered_by: |model| format!("Answered by {model}"),
    sampled: |sampling| match sampling {
        Sampling { temperature, .. } if *temperature <= 0.0 => "The most likely token each time".to_owned(),
        Sampling { temperature, top_p, top_k, seed, .. } => {
            let top_p = top_p.map_or(String::new(), |p| format!(", top-p {p:.2}"));
            let top_k = top_k.map_or(String::new(), |k| format!(", top-k {k}"));
            format!("Temperature {temperature:.2}{top_p}{top_k}, seed {seed}")
        }
    },
    token: |number, text| format!("Token {number}: {text}"),
    chosen_token: |text, percent| format!("{text} was chosen, {percent}"),
    continue_from: |text, percent| format!("Continue with {text}, {percent}"),
    go_on: "Continue",
    continue_hint: "Click the word to let the answer go on from another one.",
    show_all: |letters| format!("Show all {letters} characters"),
    show_less: "Show less",
    temperature: "Temperature",
    temperature_tip: "0 takes the most likely token each time; more leaves more to chance",
    top_p: "Top-p",
    top_p_tip: "Sample only from the most likely tokens that together reach this probability",
    top_k: "Top-k",
    top_k_tip: "Sample only from this many of the most likely tokens",
    seed: "Seed",
    seed_tip: "The same seed samples the same answer again",
    max_tokens: "Max new tokens",
    max_tokens_tip: "Generation stops after this many tokens",
    defaults: "Back to the defaults",
    greedy: "The most likely token each time: the same question has the same answer.",
    random: "Tokens are sampled. Regenerating takes another seed.",
    system: "System prompt",
    system_tip: "Stands before the first question of this conversation",
    system_hint: "The model's own",
};

pub(super) const CHINESE: ConversationTexts = ConversationTexts {
    conversations: "全部对话",
    untitled: "新对话",
    questions: |count| format!("{count} 个问题"),
    remove: |title| format!("删除“{title}”"),
    removed: |title| format!("已删除“{title}”"),
    bring_back: "撤销",
    answered_again: "正在新的分支中重新生成",
    continued: "新的回答将从该词元继续，位于新的分支",
    samples: "示例",
    samples_tip: "程序自带的图片，以及可以就它们提出的问题",
    maps_of: "注意力图与数值属于",
    maps_of_another: "所显示的回答来自另一个检查点。注意力图与数值属于",
    empty: "添加一张图片并就它提问，\n也可以不带图片提问。",
    empty_with_picture: "就这张图片提问。\n回答中的每个词都可以点击。",
    question: "问题",
    question_hint: "就图片提一个问题",
    question_hint_text_only: "直接提问，或把图片拖到这里",
    ask: "提问",
    ask_tip: "回车提问，Shift+回车换行",
    stop: "停止",
    stop_tip: "按 Esc 停止回答",
    attach: "添加图片",
    detach: "移除图片",
    pasted: "粘贴的图片",
    begun_for_picture: "同一对话的问题都围绕同一张图片，因此已开始新的对话。",
    settings: "回答方式",
    editing: "修改后的问题会成为旧问题旁的新分支。",
    cancel_edit: "放弃修改",
    edit: "修改问题",
    regenerate: "重新生成",
    copy: "复制回答",
    show_tokens: "词元",
    show_tokens_tip: "逐词元显示回答：指向词元可见其概率",
    show_text: "排版",
    show_text_tip: "按格式显示回答",
    previous_branch: "上一分支",
    next_branch: "下一分支",
    branches: "这个问题有不止一种问法或回答",
    waiting: "正在排队",
    reading_picture: "正在读取图片",
    picture_failed: "无法读取图片",
    picture_gone: "已找不到此问题所针对的图片。请重新添加图片并提问。",
    picture_changed: "图片文件在添加之后已被修改。请重新添加，以便就现在的内容提问。",
    stage_encode: "各编码器正在看图",
    stage_connect: "SVA 正在汇总所见",
    stage_prefill: "预填充：语言模型正在读取提示",
    stopping: "正在停止",
    stopped: "已停止",
    full: "已达词元上限",
    failed: "没有得到回答",
    tokens: |count| format!("{count} 个词元"),
    first_token: |secs| format!("首词元 {secs:.2} 秒"),
    tokens_per_second: |speed| format!("{speed:.1} 词元/秒"),
    answered_by: |model| format!("由 {model} 回答"),
    sampled: |sampling| match sampling {
        Sampling { temperature, .. } if *temperature <= 0.0 => "每次取最可能的词元".to_owned(),
        Sampling { temperature, top_p, top_k, seed, .. } => {
            let top_p = top_p.map_or(String::new(), |p| format!("，top-p {p:.2}"));
            let top_k = top_k.map_or(String::new(), |k| format!("，top-k {k}"));
            format!("温度 {temperature:.2}{top_p}{top_k}，种子 {seed}")
        }
    },
    token: |number, text| format!("词元 {number}：{text}"),
    chosen_token: |text, percent| format!("选中的是 {text}，{percent}"),
    continue_from: |text, percent| format!("从 {text} 继续，{percent}"),
    go_on: "续写",
    continue_hint: "点击该词，可让回答从另一个词元继续。",
    show_all: |letters| format!("显示全部 {letters} 个字符"),
    show_less: "收起",
    temperature: "温度",
    temperature_tip: "0 表示每次取最可能的词元；越高越随机",
    top_p: "Top-p",
    top_p_tip: "只从累计概率达到此值的最可能词元中采样",
    top_k: "Top-k",
    top_k_tip: "只从这么多个最可能的词元中采样",
    seed: "种子",
    seed_tip: "相同的种子会采样出相同的回答",
    max_tokens: "最大新词元数",
    max_tokens_tip: "生成这么多词元后停止",
    defaults: "恢复默认",
    greedy: "每次取最可能的词元：相同的问题得到相同的回答。",
    random: "词元按概率采样；重新生成会换一个种子。",
    system: "系统提示",
    system_tip: "放在此对话第一个问题之前",
    system_hint: "使用模型自带的",
};
