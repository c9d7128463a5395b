//! What must not bring the window down, stop it, or lose what was said.

use crate::harness::{checkpoint, graphics, image, open, open_on, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::app::App;
use opabinia::window::state::{
    Alternative, AnswerStatus, AppState, Conversation, ConversationId, Exchange, Kept, Overlay, PictureState, Purpose,
    Sampling, Slot, TokenRecord,
};
use opabinia::window::store::Session;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest a frame may take here: no person would call the window stuck. The suite is built without optimisation of
/// the window's own code and runs on two busy cores.
const FRAME: Duration = Duration::from_millis(400);

fn with_model(data_dir: Option<&Path>) -> Harness<'static, App> {
    let start = Start {
        model: Some(checkpoint("tiny-llama3")),
        image: Some(image("wide.png")),
        data_dir: data_dir.map(Path::to_path_buf),
        ..Start::default()
    };
    let mut window = open(start, [1024.0, 640.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window
}

fn ask(window: &mut Harness<'_, App>, question: &str) {
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text(question);
    window.run_ok();
    window.get_by_label("Ask").click();
    window.step();
}

/// The median of times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_panic_on_the_engine_thread_is_said_and_survived() {
    let mut window = with_model(None);
    let armed = Arc::new(AtomicBool::new(false));
    let fuse = Arc::clone(&armed);
    // Whoever is woken by an event runs on the engine thread in the middle of its job.
    window.ctx.set_request_repaint_callback(move |_| {
        if std::thread::current().name() == Some("engine") && fuse.load(Ordering::SeqCst) {
            panic!("a test's panic on the engine thread");
        }
    });
    armed.store(true, Ordering::SeqCst);
    ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "the failure", |app| {
        let shown = app.state().conversations.current().unwrap();
        matches!(&shown.exchanges[0].status, AnswerStatus::Failed(why) if why.contains("a test's panic"))
    });
    armed.store(false, Ordering::SeqCst);
    ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "an answer", |app| {
        let shown = app.state().conversations.current().unwrap();
        matches!(shown.exchanges.get(1).map(|known| &known.status), Some(AnswerStatus::Done | AnswerStatus::Full))
    });
}

#[test]
fn a_lost_graphics_device_saves_everything_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let device = graphics();
    let start = Start { data_dir: Some(directory.path().to_path_buf()), ..Start::default() };
    let mut window = open_on(device.clone(), start, [1024.0, 640.0]);
    window.run_ok();
    window.state_mut().state_mut().conversations.shown().draft = "do not lose this".into();
    device.device.destroy();
    wait(&mut window, "the message", |app| {
        let _ = device.device.poll(wgpu::PollType::Poll);
        app.state().overlay == Overlay::GraphicsLost
    });
    window.get_by_label("The graphics device was lost");
    window.get_by_label("Start again");
    let file = directory.path().join("session.json");
    wait(&mut window, "the file", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("do not lose this"))
    });
    wait(&mut window, "what is true of it", |app| app.state().kept == Kept::Saved);
    window.get_by_label_contains("has been saved");
    window.get_by_label("Go on without maps").click();
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None);
}

#[test]
fn ten_thousand_messages_are_shown_and_saved_without_a_halt() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = with_model(Some(directory.path()));
    ask(&mut window, "one");
    wait(&mut window, "the answer", |app| !app.state().is_busy());
    let shown = window.state().state().conversations.current().unwrap().clone();
    let mut one = shown.exchanges[0].clone();
    // Most answers are short, and without optimisation writing long ones as JSON takes minutes.
    one.tokens.truncate(3);
    let mut long = Conversation::new(ConversationId(shown.id.0));
    for at in 0..5_000_usize {
        let mut exchange = one.clone();
        exchange.parent = at.checked_sub(1);
        exchange.question = format!("Question {at}?");
        exchange.answer = format!("Answer {at}: there are **three** of them.");
        long.exchanges.push(exchange);
    }
    long.leaf = Some(4_999);
    *window.state_mut().state_mut().conversations.shown() = long;
    window.step();
    let times = (0..20).map(|_| {
        let started = Instant::now();
        window.step();
        started.elapsed()
    });
    let typical = median(times.collect());
    println!("a frame with 10 000 messages: {typical:?}");
    assert!(typical < FRAME, "{typical:?}");
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text("x");
    let (mut longest, started) = (Duration::ZERO, Instant::now());
    let file = directory.path().join("session.json");
    while !std::fs::metadata(&file).is_ok_and(|file| file.len() > 500_000) {
        assert!(started.elapsed() < Duration::from_secs(60), "never saved");
        let frame = Instant::now();
        window.step();
        longest = longest.max(frame.elapsed());
    }
    println!("the longest frame while it is saved: {longest:?}");
    assert!(longest < 4 * FRAME, "{longest:?}");
}

#[test]
fn saving_long_answers_costs_the_window_next_to_nothing() {
    let other = Alternative { id: 7, text: " lamp".into(), log_prob: -1.5 };
    let token = TokenRecord { id: 5, text: " desk".into(), log_prob: -0.5, alternatives: vec![other; 5] };
    let mut state = AppState::default();
    let shown = state.conversations.shown();
    for at in 0..1_000_usize {
        let question = format!("Question {at}?");
        let mut exchange = Exchange::new(at.checked_sub(1), question, None, Sampling::default());
        exchange.tokens = vec![token.clone(); 200];
        exchange.status = AnswerStatus::Done;
        shown.exchanges.push(exchange);
    }
    // The last one is being made.
    shown.exchanges[999].status = AnswerStatus::Streaming;
    let times = (0..9).map(|_| {
        let started = Instant::now();
        let session = Session::of(&state, None);
        state.conversations.shown().exchanges[999].tokens.push(token.clone());
        let taken = started.elapsed();
        drop(session);
        taken
    });
    let typical = median(times.collect());
    println!("a copy of 1 000 answers of 200 tokens, and a token more: {typical:?}");
    // Copying their million alternatives takes a hundred times as long.
    assert!(typical < Duration::from_millis(10), "{typical:?}");
}

#[test]
fn a_very_large_photo_is_read_beside_the_window() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large.png");
    let row: Vec<u8> = (0..8000_u32 * 3).map(|at| (at % 251) as u8).collect();
    let pixels = row.iter().copied().cycle().take(8000 * 6000 * 3).collect();
    image::RgbImage::from_raw(8000, 6000, pixels).unwrap().save(&file).unwrap();
    let mut window = open(Start { image: Some(file), ..Start::default() }, [1024.0, 640.0]);
    let (mut longest, started) = (Duration::ZERO, Instant::now());
    loop {
        let state = window.state().state();
        match state.picture().and_then(|id| state.pictures.get(id)).map(|entry| &entry.state) {
            Some(PictureState::Ready(picture)) => {
                assert_eq!((picture.width, picture.height), (8000, 6000));
                break;
            }
            Some(PictureState::Failed(why)) => panic!("{why}"),
            _ => {}
        }
        assert!(started.elapsed() < Duration::from_secs(120), "never read");
        let frame = Instant::now();
        window.step();
        longest = longest.max(frame.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("read in {:?}, the longest frame meanwhile: {longest:?}", started.elapsed());
    assert!(longest < 4 * FRAME, "{longest:?}");
}

#[test]
fn a_storm_of_sizes_is_drawn() {
    let mut window = with_model(None);
    ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "the maps", |app| !app.state().is_busy() && app.state().trace().is_some());
    for step in 0..60_u32 {
        let (width, height) = (320 + (step * 397) % 1500, 240 + (step * 211) % 900);
        window.set_size(egui::vec2(width as f32, height as f32));
        window.step();
        if step % 12 == 0 {
            window.render().unwrap();
        }
    }
}

#[test]
fn the_window_closes_at_once_in_the_middle_of_a_load() {
    let directory = tempfile::tempdir().unwrap();
    let start = Start {
        model: Some(checkpoint("tiny-llama3")),
        data_dir: Some(directory.path().to_path_buf()),
        ..Start::default()
    };
    let mut window = open(start, [1024.0, 640.0]);
    let started = Instant::now();
    while window.state().state().jobs.find(|purpose| *purpose == Purpose::Load(Slot::A)).is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "no load began");
        window.step();
    }
    let closing = Instant::now();
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    assert!(closing.elapsed() < Duration::from_secs(5), "{:?}", closing.elapsed());
}
