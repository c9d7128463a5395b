//! A run in the formats of other programs.

use super::columns::Columns;
use crate::hash;
use crate::run::Record;
use crate::score::{Outcome, letter};
use serde_json::{Value, json};

/// One line for each item and condition, with a heading.
pub fn csv(columns: &Columns<'_>) -> String {
    let heading = "idx,type,task,source,cluster,question,options,answer,condition,choice,right,probability,mass,text";
    let mut text = format!("{heading}\n");
    for record in &columns.records {
        for condition in &columns.header.conditions {
            let Some(outcome) = record.conditions.get(&condition.name) else { continue };
            let probability = outcome.choice.and_then(|choice| outcome.log_probs.as_ref()?.get(choice).copied());
            let fields = [
                record.idx.clone(),
                record.kind.clone().unwrap_or_default(),
                record.task.clone(),
                record.source.clone().unwrap_or_default(),
                record.cluster.clone(),
                record.question.clone(),
                record.choices.len().to_string(),
                expected(record),
                condition.name.clone(),
                chosen(outcome),
                u8::from(outcome.right).to_string(),
                probability.map_or_else(String::new, |p| format!("{:.6}", p.exp())),
                outcome.mass.map_or_else(String::new, |mass| format!("{mass:.6}")),
                outcome.text.clone().unwrap_or_default(),
            ];
            let fields: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
            text.push_str(&fields.join(","));
            text.push('\n');
        }
    }
    text
}

fn csv_field(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The letter of the right option, or the answer in words.
fn expected(record: &Record) -> String {
    record.answer.map_or_else(|| record.answer_text.clone(), |answer| letter(answer).to_string())
}

fn chosen(outcome: &Outcome) -> String {
    outcome.choice.map_or_else(String::new, |choice| letter(choice).to_string())
}

/// What was answered, in words.
fn answered(outcome: &Outcome) -> String {
    outcome.text.clone().unwrap_or_else(|| chosen(outcome))
}

/// A log of Inspect (`.json`, version 2) of one condition.
pub fn inspect(columns: &Columns<'_>, condition: &str) -> Value {
    let header = columns.header;
    let model = format!("opabinia/{}", header.model.name);
    let right = columns.right(condition);
    let rate = columns.rate(&right);
    let error = (rate.value() * (1.0 - rate.value()) / rate.of.max(1) as f64).sqrt();
    let samples: Vec<Value> = columns
        .records
        .iter()
        .zip(columns.outcomes(condition))
        .filter_map(|(record, outcome)| Some((record, outcome?)))
        .map(|(record, outcome)| {
            let answer = answered(outcome);
            json!({
                "id": record.idx,
                "epoch": 1,
                "input": record.question,
                "choices": record.choices,
                "target": expected(record),
                "messages": [
                    { "role": "user", "content": record.question },
                    { "role": "assistant", "content": answer, "source": "generate", "model": model },
                ],
                "output": {
                    "model": model,
                    "choices": [{ "message": { "role": "assistant", "content": answer, "model": model }, "stop_reason": "stop" }],
                    "completion": answer,
                },
                "scores": {
                    "choice": { "value": if outcome.right { "C" } else { "I" }, "answer": chosen(outcome), "explanation": answer },
                },
                "metadata": {
                    "task": record.task, "type": record.kind, "source": record.source, "cluster": record.cluster,
                    "log_probs": outcome.log_probs, "mass": outcome.mass,
                },
            })
        })
        .collect();
    json!({
        "version": 2,
        "status": "success",
        "eval": {
            "run_id": header.id(),
            "eval_id": hash::sha256(format!("{}{condition}", header.id()).as_bytes()),
            "created": "1970-01-01T00:00:00+00:00",
            "task": header.data.name,
            "task_id": header.data.fingerprint,
            "task_version": 0,
            "task_attribs": {},
            "task_args": { "protocol": header.protocol, "rule": header.rule, "condition": condition },
            "dataset": { "name": header.data.name, "samples": samples.len() },
            "model": model,
            "model_args": { "fingerprint": header.model.fingerprint, "precision": header.model.precision },
            "config": {},
            "packages": { "opabinia": header.program },
        },
        "plan": { "name": "plan", "steps": [], "config": {} },
        "results": {
            "total_samples": samples.len(),
            "completed_samples": samples.len(),
            "scores": [{
                "name": "choice", "scorer": "choice", "params": {},
                "metrics": {
                    "accuracy": { "name": "accuracy", "value": rate.value(), "params": {} },
                    "stderr": { "name": "stderr", "value": error, "params": {} },
                },
            }],
        },
        "stats": { "started_at": "", "completed_at": "", "model_usage": {} },
        "samples": samples,
    })
}

/// Samples of lmms-eval (`--log_samples`) of one condition, one line each.
pub fn lmms_eval(columns: &Columns<'_>, condition: &str) -> String {
    let mut text = String::new();
    for (record, outcome) in columns.records.iter().zip(columns.outcomes(condition)) {
        let Some(outcome) = outcome else { continue };
        let answer = answered(outcome);
        let target = expected(record);
        let line = json!({
            "doc_id": record.row,
            "doc": {
                "idx": record.idx, "type": record.kind, "task": record.task, "source": record.source,
                "question": record.question, "choices": record.choices, "answer": target,
            },
            "target": target,
            "arguments": { "protocol": columns.header.protocol, "condition": condition },
            "resps": [[answer]],
            "filtered_resps": [chosen(outcome)],
            "doc_hash": hash::sha256(record.idx.as_bytes()),
            "prompt_hash": hash::sha256(record.question.as_bytes()),
            "target_hash": hash::sha256(target.as_bytes()),
            "accuracy": f64::from(outcome.right),
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text
}
