//! Asking and answering.

/// What the window says about conversations.
#[derive(Debug)]
pub struct ConversationTexts {
    /// Name of the field for the question.
    pub question: &'static str,
    /// Hint in that field.
    pub question_hint: &'static str,
    /// Asks.
    pub ask: &'static str,
    /// Stops the answer.
    pub stop: &'static str,
    /// Attaches a picture.
    pub attach: &'static str,
    /// Takes the picture away.
    pub detach: &'static str,
    /// Nobody has asked anything.
    pub empty: &'static str,
    /// A conversation without a question.
    pub untitled: &'static str,
    /// Who asks.
    pub you: &'static str,
    /// The answer waits.
    pub waiting: &'static str,
    /// A person stopped it.
    pub stopped: &'static str,
    /// It was cut off.
    pub full: &'static str,
    /// It failed.
    pub failed: &'static str,
    /// Asks again.
    pub regenerate: &'static str,
    /// Changes the question.
    pub edit: &'static str,
    /// Copies the answer.
    pub copy: &'static str,
    /// Reading a picture.
    pub reading_picture: &'static str,
    /// A picture could not be read.
    pub picture_failed: &'static str,
    /// Text only.
    pub text_only: &'static str,
    /// Unit: tokens.
    pub tokens: &'static str,
    /// Time to the first token.
    pub first_token: &'static str,
    /// Tokens per second.
    pub tokens_per_second: &'static str,
}

pub(super) const ENGLISH: ConversationTexts = ConversationTexts {
    question: "Question",
    question_hint: "Ask about the picture",
    ask: "Ask",
    stop: "Stop",
    attach: "Attach a picture",
    detach: "Remove the picture",
    empty: "Attach a picture and ask a question about it.",
    untitled: "New conversation",
    you: "You",
    waiting: "waiting",
    stopped: "stopped",
    full: "cut off at the greatest length",
    failed: "failed",
    regenerate: "Ask again",
    edit: "Edit the question",
    copy: "Copy the answer",
    reading_picture: "Reading the picture",
    picture_failed: "The picture could not be read",
    text_only: "No picture: text only",
    tokens: "tokens",
    first_token: "to the first",
    tokens_per_second: "tokens/s",
};

pub(super) const CHINESE: ConversationTexts = ConversationTexts {
    question: "问题",
    question_hint: "就图片提一个问题",
    ask: "提问",
    stop: "停止",
    attach: "添加图片",
    detach: "移除图片",
    empty: "添加一张图片,然后就它提问。",
    untitled: "新对话",
    you: "你",
    waiting: "等待中",
    stopped: "已停止",
    full: "已达最大长度",
    failed: "失败",
    regenerate: "重新回答",
    edit: "修改问题",
    copy: "复制回答",
    reading_picture: "正在读取图片",
    picture_failed: "无法读取图片",
    text_only: "无图片:仅文字",
    tokens: "个词元",
    first_token: "到首个词元",
    tokens_per_second: "词元/秒",
};
