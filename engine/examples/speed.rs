//! How long a checkpoint takes for what people wait for, and how much memory: opening, each encoder, connector and samplers
//! with the prompt, tokens, a following question. Prints one JSON object.
//!
//!     cargo run --release -p opabinia-engine --example speed -- CHECKPOINT WEIGHTS ENCODER_WEIGHTS COMPUTE PART
//!
//! `PART` is `encoders`, one of them by its family's name, `language` or `all`; without the encoders, features are taken at
//! random. Every time is the median of three, in seconds. `bench/report.py` runs it beside other programs that do the same
//! work.

#![allow(clippy::print_stdout, reason = "an example prints")]

use candle_core::{Device, Tensor};
use opabinia_engine::cores::Cores;
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::{CancelToken, Job, Meter, Stage};
use opabinia_engine::model::{LoadRequest, Model};
use opabinia_engine::observe::{Observer, Unobserved};
use opabinia_engine::probe::{Detail, Recorder};
use opabinia_engine::sva::PictureSize;
use opabinia_engine::text::Turn;
use opabinia_engine::threads::start_pool;
use opabinia_engine::vision::Picture;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::time::Instant;

/// Positions of the prompt with its picture, tokens of the answer, and of the question that follows.
const POSITIONS: usize = 420;
const TOKENS: usize = 16;
const FOLLOWING: usize = 20;

/// A picture that fills two thirds of the square.
const SIZE: PictureSize = PictureSize { width: 600, height: 400 };

const TIMES: usize = 3;

/// The median of some times of `run` in seconds, after `warm` times that are not counted.
fn median<R>(warm: usize, mut run: impl FnMut() -> Result<R, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(TIMES);
    for round in 0..warm + TIMES {
        let started = Instant::now();
        run()?;
        if round >= warm {
            times.push(started.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMES / 2])
}

/// A number of bytes from this process's status, where the system has one.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Each encoder, or only that of family `only`.
fn encoders(model: &Model, only: Option<&str>, out: &mut Map<String, Value>) -> Result<(), Box<dyn Error>> {
    let picture = noise();
    let job = Job::unattended();
    let mut times = Map::new();
    for (k, encoder) in model.encoders().iter().enumerate() {
        let name = format!("{:?}", model.config().towers[k].family).to_lowercase();
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let spec = encoder.pixel_spec();
        let pixels =
            spec.pixels(&spec.view(&picture, &CancelToken::default())?, &Device::Cpu, model.precision().compute)?;
        let time = median(1, || {
            let meter = Meter::new(&job, Stage::Encode, encoder.layers());
            Ok(encoder.forward(k, &pixels, &meter, &mut Unobserved)?)
        })?;
        times.insert(name, json!(time));
    }
    match only {
        Some(name) if times.is_empty() => Err(format!("`{name}` is no part, and no encoder of this checkpoint").into()),
        _ => {
            out.insert("encoders_s".into(), Value::Object(times));
            Ok(())
        }
    }
}

fn language(model: &Model, widths: &[usize], out: &mut Map<String, Value>) -> Result<(), Box<dyn Error>> {
    let job = Job::unattended();
    let features = model.config().towers.iter().zip(widths);
    let features = features.map(|(tower, width)| Tensor::randn(0f32, 1.0, (tower.tokens, *width), &Device::Cpu));
    let features = features.collect::<candle_core::Result<Vec<_>>>()?;
    // A question that fills the prompt up.
    let question = |words: usize| Turn { question: "a ".repeat(words), answer: None };
    let visual = model.visual_positions(SIZE)?;
    let mut ids = model.prompt(None, &[question(1)], true)?.ids;
    let fill = (POSITIONS + 1).saturating_sub(visual + ids.len());
    let last = ids.last().copied().unwrap_or_default();
    ids.extend(std::iter::repeat_n(last, fill));

    let look = |observer: &mut dyn Observer| -> Result<_, Box<dyn Error>> {
        let image = model.project(SIZE, &features, observer)?;
        Ok(model.connect(&image, None, &Interventions::default(), &job, observer)?)
    };
    let mut cache = model.empty_cache()?;
    let mut first = |observer: &mut dyn Observer| -> Result<(), Box<dyn Error>> {
        cache.truncate(0);
        let tokens = look(observer)?;
        model.prefill(&ids, Some(&tokens), &mut cache, &job, observer)?;
        Ok(())
    };
    out.insert("prefill_s".into(), json!(median(1, || first(&mut Unobserved))?));
    let traced = median(0, || {
        let mut recorder = Recorder::new(Detail::Sva);
        first(&mut recorder)?;
        Ok(recorder.into_tensors()?)
    })?;
    out.insert("prefill_traced_s".into(), json!(traced));
    out.insert("connect_s".into(), json!(median(0, || look(&mut Unobserved))?));
    let positions = cache.len();
    out.insert("positions".into(), json!(positions));
    let decode = median(0, || {
        cache.truncate(positions);
        for _ in 0..TOKENS {
            model.decode(&[1], &mut cache, &job, &mut Unobserved)?;
        }
        Ok(())
    })?;
    out.insert("tokens_per_s".into(), json!(TOKENS as f64 / decode));
    let following = vec![last; FOLLOWING];
    let follow = median(0, || {
        cache.truncate(positions);
        Ok(model.prefill(&following, None, &mut cache, &job, &mut Unobserved)?)
    })?;
    out.insert("follow_up_s".into(), json!(follow));
    Ok(())
}

/// A picture that has no value twice in a row.
fn noise() -> Picture {
    let mut state = 7u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let PictureSize { width, height } = SIZE;
    Picture { width, height, rgb: (0..width * height * 3).map(|_| byte()).collect() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, weights, encoder_weights, compute, part] = args.as_slice() else {
        return Err("usage: speed CHECKPOINT WEIGHTS ENCODER_WEIGHTS COMPUTE encoders|ENCODER|language|all".into());
    };
    let request = LoadRequest {
        source: source.clone(),
        device: "cpu".parse()?,
        weights: weights.parse()?,
        encoder_weights: encoder_weights.parse()?,
        compute: compute.parse()?,
        ..LoadRequest::default()
    };
    start_pool();
    let _cores = Cores::join();
    let started = Instant::now();
    let (model, inspection) = Model::load(&request, &Job::unattended())?;
    let mut out = Map::new();
    out.insert("open_s".into(), json!(started.elapsed().as_secs_f64()));
    out.insert("open_anonymous_bytes".into(), json!(status("RssAnon")));
    out.insert("weights".into(), json!(model.precision().weights.name()));
    out.insert("products".into(), json!(model.precision().product_numbers()));
    out.insert("encoder_products".into(), json!(inspection.encoder_precision.product_numbers()));
    out.insert("planned_bytes".into(), json!(inspection.need(model.precision().weights).total()));
    let with_language = matches!(part.as_str(), "language" | "all");
    match part.as_str() {
        "language" => {}
        "encoders" | "all" => encoders(&model, None, &mut out)?,
        name => encoders(&model, Some(name), &mut out)?,
    }
    if with_language {
        let widths: Vec<usize> = inspection.encoders.iter().map(|encoder| encoder.width.unwrap_or(1)).collect();
        language(&model, &widths, &mut out)?;
    }
    out.insert("peak_resident_bytes".into(), json!(status("VmHWM")));
    println!("{}", Value::Object(out));
    Ok(())
}
