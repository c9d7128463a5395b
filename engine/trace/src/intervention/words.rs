//! Interventions in words, for captions.

use super::spec::{Group, grouped};
use super::{Action, Anatomy, Interventions, Place};

impl Interventions {
    /// What is changed, in words; empty if nothing is.
    pub fn words(&self, anatomy: &Anatomy) -> String {
        let names = anatomy.encoder_names();
        let mut parts = Vec::new();
        for Group { action, at, members } in grouped(self) {
            let encoders = || {
                if members.len() == names.len() && names.len() > 1 {
                    return "every encoder".to_owned();
                }
                let name = |k: &usize| names.get(*k).cloned().unwrap_or_else(|| format!("encoder {k}"));
                list(members.iter().map(name).collect())
            };
            let layers = match at {
                Place::Everywhere => "every SVA layer".to_owned(),
                Place::Connector => "the connector".to_owned(),
                Place::Samplers => "the samplers".to_owned(),
                Place::Layer(layer) => format!("layer {}", anatomy.label(layer)),
            };
            let place = if at == Place::Everywhere { String::new() } else { format!(" in {layers}") };
            parts.push(match action {
                Action::NoImage => "asked without the image".to_owned(),
                Action::Blank => "an even grey instead of the image".to_owned(),
                Action::ZeroRaw { .. } => format!("output of {} zero before its projector{place}", encoders()),
                Action::Zero { .. } => format!("features of {} zero{place}", encoders()),
                Action::Mean { .. } => format!("features of {} replaced by their mean{place}", encoders()),
                Action::Swap { .. } => format!("features of {} from another image{place}", encoders()),
                Action::Region { cells, .. } => {
                    let rectangles = cells.rectangles();
                    let cells = match rectangles.as_slice() {
                        [(rows, columns)] => format!(
                            "{} and {}",
                            span("row", rows.start, rows.end),
                            span("column", columns.start, columns.end)
                        ),
                        _ => format!("{} cells", cells.len()),
                    };
                    format!("features of {} under {cells} replaced by their mean{place}", encoders())
                }
                Action::Mask { .. } => format!("keys of {} masked in {layers}", encoders()),
                Action::Context => format!("global context zero{place}"),
                Action::ShuffleWeights { .. } => {
                    format!("weights of {layers} shuffled ({})", seeds(&members))
                }
                Action::ShuffleAttention { .. } => {
                    format!("attention of {layers} shuffled ({})", seeds(&members))
                }
                Action::Skip => format!("{layers} skipped"),
                Action::Head { .. } => {
                    let plural = if members.len() == 1 { "" } else { "s" };
                    let heads = list(members.iter().map(ToString::to_string).collect());
                    format!("head{plural} {heads} of {layers} zero")
                }
            });
        }
        parts.join("; ")
    }
}

fn seeds(members: &[usize]) -> String {
    let plural = if members.len() == 1 { "" } else { "s" };
    format!("seed{plural} {}", list(members.iter().map(ToString::to_string).collect()))
}

fn span(what: &str, start: usize, end: usize) -> String {
    if end == start + 1 { format!("{what} {start}") } else { format!("{what}s {start}–{}", end - 1) }
}

fn list(mut parts: Vec<String>) -> String {
    let last = parts.pop().unwrap_or_default();
    if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) }
}
