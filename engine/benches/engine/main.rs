//! How fast the engine is, beside how fast it could be.
//!
//! `cargo bench -p opabinia-engine` runs everything on a checkpoint forged for it, `cargo bench -p opabinia-engine --
//! prefill` what has `prefill` in its name. `OPABINIA_BENCH` chooses the checkpoint: see [`checkpoint`].
//!
//! Rates are operations (`elem/s`: a multiply and an add are two) or bytes per second. Their ceilings on this machine
//! are measured under `machine/`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed, and talks")]

mod checkpoint;
mod demo;
mod evidence;
mod work;

use candle_core::{DType, Device, Tensor};
use criterion::{Criterion, SamplingMode, Throughput};
use opabinia_engine::checkpoint::{Loader, WeightFiles};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::{CancelToken, Job, Meter, Stage};
use opabinia_engine::llm::KvCache;
use opabinia_engine::model::{EncodedImage, Inspection, LoadRequest, Model, VisualTokens};
use opabinia_engine::nn::depthwise;
use opabinia_engine::observe::{Observer, SvaLayer, Unobserved};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, Recorder};
use opabinia_engine::sva::{CrossAttentionLayer, Features, Frame, PictureSize, Scene};
use opabinia_engine::text::Turn;
use opabinia_engine::vision::Picture;
use rayon::prelude::*;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use work::Work;

/// Runs shorter than this are repeated until they add up to it.
const MEASURED: Duration = Duration::from_secs(3);

fn main() {
    // As the program begins.
    opabinia_engine::threads::start_pool();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(MEASURED)
        .configure_from_args();
    let (name, directory) = checkpoint::chosen().unwrap();
    println!("checkpoint: {name}");
    machine(&mut criterion);
    convolution(&mut criterion);
    preprocess(&mut criterion, &directory);
    demo::measure(&mut criterion);
    evidence::measure(&directory);
    for format in WeightFormat::ALL {
        match Model::load(&request(&directory, format), &Job::unattended()) {
            Ok((model, inspection)) => measure(&mut criterion, &directory, &Opened::new(model, inspection)),
            Err(error) => println!("{format}: {error}"),
        }
    }
    criterion.final_summary();
}

fn request(directory: &Path, format: WeightFormat) -> LoadRequest {
    let source = directory.display().to_string();
    LoadRequest { source, device: "cpu".parse().unwrap(), weights: format.into(), ..LoadRequest::default() }
}

/// A square picture of noise, which fills every grid and has no value twice in a row.
fn noise(width: usize, height: usize) -> Picture {
    let mut state = 7u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    Picture { width, height, rgb: (0..width * height * 3).map(|_| byte()).collect() }
}

/// What bounds everything else: matrix products at a size from SigLIP, and reading memory.
fn machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine");
    let (rows, input, output) = (729, 1152, 4304);
    let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu).unwrap();
    let w = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu).unwrap();
    group.throughput(Throughput::Elements((2 * rows * input * output) as u64));
    group.bench_function("matrix product", |b| b.iter(|| x.matmul(&w.t().unwrap()).unwrap()));
    let numbers = vec![1f32; 1 << 28];
    group.throughput(Throughput::BytesDecimal(size_of_val(&numbers[..]) as u64));
    group.bench_function("reading", |b| {
        b.iter(|| {
            let sums = numbers.par_chunks(1 << 16).map(|chunk| {
                let mut sums = [0f32; 64];
                for values in chunk.as_chunks::<64>().0 {
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                sums[0]
            });
            black_box(sums.sum::<f32>())
        });
    });
    group.finish();
}

/// The depthwise convolution at the stages of ConvNeXt-XXL.
fn convolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("depthwise");
    for (side, channels) in [(256, 384), (128, 768), (64, 1536), (32, 3072)] {
        let x = Tensor::randn(0f32, 1.0, (side, side, channels), &Device::Cpu).unwrap();
        let weight = Tensor::randn(0f32, 1.0, (channels, 1, 7, 7), &Device::Cpu).unwrap();
        let bias = Tensor::randn(0f32, 1.0, channels, &Device::Cpu).unwrap();
        group.throughput(Throughput::Elements((2 * 49 * side * side * channels) as u64));
        group.bench_function(format!("{side}x{side}x{channels}"), |b| {
            b.iter(|| depthwise(&x, &weight, &bias).unwrap());
        });
    }
    group.finish();
}

/// A picture of 4000 × 3000 pixels to the input of each encoder.
fn preprocess(criterion: &mut Criterion, directory: &Path) {
    let photo = noise(4000, 3000);
    let (model, _) = Model::load(&request(directory, WeightFormat::F32), &Job::unattended()).unwrap();
    let mut group = criterion.benchmark_group("preprocess");
    group.throughput(Throughput::BytesDecimal(photo.rgb.len() as u64));
    for (encoder, tower) in model.encoders().iter().zip(&model.config().towers) {
        let spec = encoder.pixel_spec();
        group.bench_function(format!("{:?} {}", tower.family, spec.size).to_lowercase(), |b| {
            b.iter(|| {
                spec.pixels(&spec.view(&photo, &CancelToken::default()).unwrap(), &Device::Cpu, DType::F32).unwrap()
            });
        });
    }
    group.finish();
}

/// A loaded model with a picture and a prompt, everything computed once.
struct Opened {
    model: Model,
    inspection: Inspection,
    pixels: Vec<Tensor>,
    image: EncodedImage,
    visual: VisualTokens,
    ids: Vec<i64>,
}

impl Opened {
    fn new(model: Model, inspection: Inspection) -> Self {
        let job = Job::unattended();
        let picture = noise(640, 640);
        let specs = model.encoders().iter().map(|encoder| encoder.pixel_spec());
        let pixels = specs
            .map(|spec| {
                spec.pixels(&spec.view(&picture, &CancelToken::default()).unwrap(), &Device::Cpu, DType::F32).unwrap()
            })
            .collect();
        let image = model.encode(&picture, &job, &mut Unobserved).unwrap();
        let visual = model.connect(&image, None, &Interventions::default(), &job, &mut Unobserved).unwrap();
        let question = "Describe this image in detail.".to_owned();
        let ids = model.prompt(None, &[Turn { question, answer: None }], true).unwrap().ids;
        Self { model, inspection, pixels, image, visual, ids }
    }

    fn connect(&self, observer: &mut dyn Observer) -> VisualTokens {
        self.model.connect(&self.image, None, &Interventions::default(), &Job::unattended(), observer).unwrap()
    }

    fn prefill(&self, cache: &mut KvCache, observer: &mut dyn Observer) -> Tensor {
        cache.truncate(0);
        self.model.prefill(&self.ids, Some(&self.visual), cache, &Job::unattended(), observer).unwrap()
    }
}

/// Everything that depends on the type weights are kept in.
fn measure(criterion: &mut Criterion, directory: &Path, opened: &Opened) {
    let Opened { model, inspection, .. } = opened;
    let format = model.precision().weights;
    let work = Work(inspection);
    let mut cache = model.empty_cache().unwrap();
    opened.prefill(&mut cache, &mut Unobserved);
    let positions = cache.len();
    let mut group = criterion.benchmark_group(format.name());
    group.sampling_mode(SamplingMode::Flat);

    let stored = inspection.stored_bytes + inspection.encoders.iter().map(|tower| tower.stored_bytes).sum::<u64>();
    group.throughput(Throughput::BytesDecimal(stored));
    let request = request(directory, format);
    group.bench_function("load", |b| b.iter(|| Model::load(&request, &Job::unattended()).unwrap()));

    for (k, (encoder, pixels)) in model.encoders().iter().zip(&opened.pixels).enumerate() {
        group.throughput(Throughput::Elements(work.encoder(k)));
        let family = format!("{:?}", inspection.encoders[k].spec.family).to_lowercase();
        group.bench_function(format!("encode {family}"), |b| {
            let job = Job::unattended();
            b.iter(|| {
                let meter = Meter::new(&job, Stage::Encode, encoder.layers());
                encoder.forward(k, pixels, &meter, &mut Unobserved).unwrap()
            });
        });
    }

    group.throughput(Throughput::Elements(work.connector()));
    group.bench_function("connector", |b| b.iter(|| opened.connect(&mut Unobserved)));
    if work.sampler() > 0 {
        group.throughput(Throughput::Elements(work.sampler()));
        group.bench_function("sampler", |b| sampler(b, directory, opened));
    }

    group.throughput(Throughput::Elements(work.prefill(positions)));
    group.bench_function(format!("prefill {positions}"), |b| {
        b.iter(|| opened.prefill(&mut cache, &mut Unobserved));
    });

    group.throughput(Throughput::BytesDecimal(work.decode_bytes(positions, format)));
    group.bench_function("decode", |b| {
        b.iter(|| {
            cache.truncate(positions);
            model.decode(&[1], &mut cache, &Job::unattended(), &mut Unobserved).unwrap()
        });
    });

    let mut rounds = Vec::new();
    group.throughput(Throughput::Elements(work.connector() + work.prefill(positions)));
    group.bench_function("trace: connector and prefill, recorded", |b| {
        b.iter_custom(|count| {
            let pairs: Vec<_> = (0..count).map(|i| traced(opened, &mut cache, i % 2 == 0)).collect();
            rounds.extend(&pairs);
            pairs.iter().map(|(_, recorded)| recorded).sum()
        });
    });
    group.finish();
    if !rounds.is_empty() {
        // The least time is the one least disturbed; the median tells how much the rest were.
        let [least, median] = [0, rounds.len() / 2].map(|rank| {
            let of = |pick: fn(&(Duration, Duration)) -> Duration| {
                let mut times: Vec<Duration> = rounds.iter().map(pick).collect();
                times.sort_unstable();
                times[rank].as_secs_f64()
            };
            100.0 * (of(|pair| pair.1) / of(|pair| pair.0) - 1.0)
        });
        println!("{format} trace overhead over {} rounds: least {least:+.2} %, median {median:+.2} %\n", rounds.len());
    }
}

/// One sampler on the windows of a square picture.
fn sampler(b: &mut criterion::Bencher<'_>, directory: &Path, opened: &Opened) {
    let config = opened.model.config();
    let weights = WeightFiles::open(directory, &["model", "pytorch_model"]).unwrap();
    let job = Job::unattended();
    let precision = opened.model.precision();
    let loader = Loader::new(&weights, Device::Cpu, precision, &job).pp("model.vision_sampler_layers.0.layers.0");
    let side = config.sva.final_side;
    let sides: Vec<usize> = config.towers.iter().map(|tower| tower.side() / side).collect();
    let hidden = config.decoder.hidden_size;
    let layer = CrossAttentionLayer::new(hidden, config.sva.hidden_size, &sides, &loader).unwrap();
    let features = Features::plain(&opened.image.tokens);
    let scene = Scene::new(features, PictureSize { width: 9, height: 9 }, Interventions::default(), side).unwrap();
    let windows = scene.cutter(Frame::padded(side)).windows(SvaLayer::Sampler { n: 0 }).unwrap();
    let queries = Tensor::randn(0f32, 1.0, (side * side, hidden), &Device::Cpu).unwrap();
    b.iter(|| layer.forward(&queries, &windows, SvaLayer::Sampler { n: 0 }, &mut Unobserved).unwrap());
}

/// Connector and prefill once without and once with a recorder; `recorded_first` lets the two change places.
fn traced(opened: &Opened, cache: &mut KvCache, recorded_first: bool) -> (Duration, Duration) {
    let mut run = |observer: &mut dyn Observer| {
        let started = Instant::now();
        black_box((opened.connect(observer), opened.prefill(cache, observer)));
        started.elapsed()
    };
    let recorded = |run: &mut dyn FnMut(&mut dyn Observer) -> Duration| {
        let mut recorder = Recorder::new(Detail::Sva);
        let time = run(&mut recorder);
        let started = Instant::now();
        black_box(recorder.into_tensors().unwrap());
        time + started.elapsed()
    };
    if recorded_first {
        let recorded = recorded(&mut run);
        (run(&mut Unobserved), recorded)
    } else {
        let plain = run(&mut Unobserved);
        (plain, recorded(&mut run))
    }
}
