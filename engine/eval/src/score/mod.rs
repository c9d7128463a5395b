//! From a question to what a model is asked, and from its answer to an option.

mod extract;

pub use extract::{Extraction, lmms_eval, official, strict};

use crate::data::{Expected, Item};
use crate::hash;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What CV-Bench's authors put after each question.
pub const OFFICIAL_SUFFIX: &str = "\nAnswer with the option's letter from the given choices directly.";

/// What lmms-eval puts before each question, around the letters of its options (its task cv_bench, revision 9328c2f).
const LMMS_EVAL_NOTE: [&str; 2] =
    ["Note: You only need to respond with ", " without providing any additional information."];

/// Letters that it names at most.
const LMMS_EVAL_LETTERS: usize = 5;

/// What the condition `missing` says before the question.
pub const MISSING_PREFIX: &str = "The picture is missing. Guess the most likely answer.\n";

/// A rule for asking and scoring. Numbers of different protocols are not comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Lettered options; the likeliest letter.
    LogProb,
    /// The question alone; the likeliest option.
    LogProbText,
    /// Lettered options; an answer is generated and read as CV-Bench's authors do.
    Official,
    /// As lmms-eval asks: a note, then lettered options; the first letter of a generated answer.
    LmmsEval,
    /// Lettered options; an answer is generated, and counts only if it names one option.
    Strict,
    /// The question alone; an answer is generated and right if it is the expected text, to the letter.
    Exact,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::LogProb, Self::LogProbText, Self::Official, Self::LmmsEval, Self::Strict, Self::Exact];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LogProb => "logprob",
            Self::LogProbText => "logprob-text",
            Self::Official => "official",
            Self::LmmsEval => "lmms-eval",
            Self::Strict => "strict",
            Self::Exact => "exact",
        }
    }

    /// What is compared, in words: the normalisation belongs to a result as much as the number does.
    pub fn rule(self) -> &'static str {
        match self {
            Self::LogProb => {
                "the option whose letter is likeliest to come first: probabilities of A, ' A' and (A added, over the whole \
                 vocabulary, not normalised by length"
            }
            Self::LogProbText => {
                "the option whose text is the likeliest whole answer: log-probabilities of its tokens and of the end of the \
                 turn added, not normalised by length"
            }
            Self::Official => {
                "greedy answer of at most 512 tokens; 2D: first character without . ( ), 3D: first character without . : ,"
            }
            Self::LmmsEval => "greedy answer of at most 1024 tokens; the first letter after spaces and (",
            Self::Strict => "greedy answer of at most 512 tokens that names exactly one option, by letter or by text",
            Self::Exact => "greedy answer of at most 64 tokens that equals the expected text",
        }
    }

    /// Whether an answer is generated, rather than options scored.
    pub fn generates(self) -> bool {
        matches!(self, Self::Official | Self::LmmsEval | Self::Strict | Self::Exact)
    }

    /// Tokens of an answer at most.
    pub fn max_tokens(self) -> usize {
        match self {
            Self::Exact => 64,
            Self::LmmsEval => 1024,
            _ => 512,
        }
    }

    /// Whether `item` can be asked in this way: only [`Protocol::Exact`] needs no options.
    pub fn fits(self, item: &Item) -> bool {
        self == Self::Exact || !item.choices.is_empty()
    }

    /// What a model is asked.
    pub fn prompt(self, item: &Item) -> String {
        match self {
            Self::LogProbText | Self::Exact => item.question.clone(),
            Self::LogProb | Self::Official | Self::Strict => format!("{}{OFFICIAL_SUFFIX}", lettered(item)),
            Self::LmmsEval => {
                // It has no more letters to name, whatever a question has.
                let letters: Vec<String> =
                    (0..item.choices.len().min(LMMS_EVAL_LETTERS)).map(|at| letter(at).to_string()).collect();
                format!("{}{}{}\n\n{}", LMMS_EVAL_NOTE[0], letters.join(", "), LMMS_EVAL_NOTE[1], lettered(item))
            }
        }
    }

    /// What is to be made of a generated answer.
    pub fn read(self, item: &Item, text: &str) -> Outcome {
        let choice = match self {
            Self::Official => {
                official(Extraction::of(item), text).and_then(|letter| option(letter, item.choices.len()))
            }
            Self::LmmsEval => lmms_eval(text).and_then(|letter| option(letter, item.choices.len())),
            Self::Strict => strict(&item.choices, text),
            Self::LogProb | Self::LogProbText | Self::Exact => {
                item.choices.iter().position(|choice| choice.trim() == text.trim())
            }
        };
        let right = match &item.expected {
            Expected::Option(expected) => choice == Some(*expected),
            Expected::Text(expected) => expected.trim() == text.trim(),
        };
        Outcome { choice, right, log_probs: None, mass: None, text: Some(text.to_owned()) }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|protocol| protocol.name()).collect();
            format!("there is no protocol `{text}`; there are {}", names.join(", "))
        })
    }
}

/// A number below `count` that follows from `parts` alone; 0 for `count` = 0.
pub fn draw(parts: &[&str], count: usize) -> usize {
    (hash::stable(parts) % count.max(1) as u64) as usize
}

/// The letter of option `at`.
pub fn letter(at: usize) -> char {
    char::from(b'A' + u8::try_from(at.min(25)).unwrap_or(25))
}

/// The option of `letter` among `count`.
fn option(letter: char, count: usize) -> Option<usize> {
    (0..count).find(|at| self::letter(*at) == letter)
}

/// Question and lettered options, in the set's own words where it has them.
fn lettered(item: &Item) -> String {
    if let Some(prompt) = &item.prompt {
        return prompt.clone();
    }
    let mut text = format!("{} Select from the following choices.", item.question);
    for (at, choice) in item.choices.iter().enumerate() {
        text.push_str(&format!("\n({}) {choice}", letter(at)));
    }
    text
}

/// What came of a question under one condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The option that was chosen, from 0; `None` if the answer names none.
    pub choice: Option<usize>,
    /// Whether it is right. An answer that names no option is wrong here; reports also have the other rule.
    pub right: bool,
    /// Natural logarithms of the probabilities of the options, where they were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probs: Option<Vec<f32>>,
    /// Probability of all options together: low if the model was about to say something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass: Option<f32>,
    /// What the model answered, where an answer was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Outcome {
    /// The likeliest option, of which the right one is `expected`; the first of several alike.
    pub fn of_scores(log_probs: Vec<f32>, expected: Option<usize>) -> Self {
        let best = log_probs.iter().enumerate().fold(None, |best: Option<(usize, f32)>, (at, p)| match best {
            Some((_, top)) if top >= *p => best,
            _ if p.is_nan() => best,
            _ => Some((at, *p)),
        });
        let choice = best.map(|(at, _)| at);
        let mass: f64 = log_probs.iter().map(|p| f64::from(*p).exp()).sum();
        let right = choice.is_some() && choice == expected;
        Self { choice, right, log_probs: Some(log_probs), mass: Some(mass as f32), text: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_option_is_chosen_and_the_first_of_equals() {
        let outcome = Outcome::of_scores(vec![-2.0, -0.5, -0.5], Some(1));
        assert_eq!((outcome.choice, outcome.right), (Some(1), true));
        assert!((outcome.mass.unwrap() - (0.135_335_28 + 2.0 * 0.606_530_66)).abs() < 1e-6);
        assert_eq!(Outcome::of_scores(vec![f32::NAN, -3.0], Some(0)).choice, Some(1));
        assert_eq!(Outcome::of_scores(vec![f32::NAN], Some(0)).choice, None);
    }

    #[test]
    fn protocols_go_by_their_names() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
        }
        assert!("letters".parse::<Protocol>().unwrap_err().contains("logprob-text"));
    }
}
