//! What the engine says, as the window says it: its failures in the language of the person, its advice with the names
//! that settings have in the window.

mod advice;
mod said;

use opabinia_engine::Error;
use opabinia_engine::advice::Advice;
use opabinia_engine::error::Refusal;
use std::fmt::Write;

/// What the window makes of what the engine says.
#[derive(Debug)]
pub struct EngineTexts {
    /// A remedy.
    pub advice: fn(&Advice) -> String,
    /// Lines in which the engine, the drawing or the system speaks. What is not known stays as it is.
    pub said: fn(&str) -> String,
    /// Before what was to be allocated.
    out_of_memory: &'static str,
    /// Before a failure of the device or of its driver.
    tensor: &'static str,
    /// Before a fault of the program.
    fault: &'static str,
    /// What to do about it.
    report: &'static str,
    /// The job was stopped.
    cancelled: &'static str,
    /// Before what would have been right, what is there instead, and what to do.
    labels: [&'static str; 3],
}

pub(super) const ENGLISH: EngineTexts = EngineTexts {
    advice: advice::english,
    said: |text| text.to_owned(),
    out_of_memory: "Out of memory: ",
    tensor: "The computation failed: ",
    fault: "Internal error: ",
    report: "This is a fault of the program: please report it, with the names of the files.",
    cancelled: "Stopped",
    labels: ["Expected: ", "Found: ", "What to do: "],
};

pub(super) const CHINESE: EngineTexts = EngineTexts {
    advice: advice::chinese,
    said: said::chinese,
    out_of_memory: "内存不足：",
    tensor: "计算失败：",
    fault: "内部错误：",
    report: "这是程序自身的错误：请报告，并附上相关文件的名称。",
    cancelled: "已停止",
    labels: ["应为：", "实为：", "处理办法："],
};

impl EngineTexts {
    /// All of `error`, in lines.
    pub fn error(&self, error: &Error) -> String {
        let said = self.said;
        match error {
            Error::Refused(refusal) => self.refusal(refusal),
            Error::Input { what, help } => format!("{}\n{}", said(what), (self.advice)(help)),
            Error::OutOfMemory { what, help } => {
                format!("{}{}\n{}", self.out_of_memory, said(what), (self.advice)(help))
            }
            Error::Cancelled => self.cancelled.to_owned(),
            Error::Io { .. } => said(&error.to_string()),
            Error::Tensor(why) => format!("{}{}\n{}", self.tensor, said(&why.to_string()), self.report),
            Error::Panicked(why) => format!("{}{}\n{}", self.fault, said(why), self.report),
            other => said(&other.to_string()),
        }
    }

    fn refusal(&self, refusal: &Refusal) -> String {
        let said = self.said;
        let Refusal { file, key, problem, expected, found, details, help } = refusal;
        let mut text = format!("{}: ", file.display());
        let key = key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default();
        let help = help.as_ref().map(self.advice);
        // Writing to a text cannot fail.
        let _ = write!(text, "{key}{}", said(problem));
        let [expected, found] = [expected, found].map(|text| text.as_deref().map(said));
        for (label, line) in self.labels.into_iter().zip([expected, found, help]) {
            if let Some(line) = line {
                let _ = write!(text, "\n{label}{line}");
            }
        }
        details.iter().fold(text, |text, detail| format!("{text}\n- {}", said(detail)))
    }
}
