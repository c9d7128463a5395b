//! What the panel costs: only what is in view, however long the conversation.

use super::*;
use crate::language::Language;
use crate::window::state::{Alternative, AnswerStatus, AppState, Sampling, TokenRecord};
use egui::{Context, Event, Modifiers, MouseWheelSource, MouseWheelUnit, RawInput, Shape, TouchPhase, Vec2, vec2};
use std::time::{Duration, Instant};

/// A panel of the size it has in a window of 1360 × 860.
const SIZE: Vec2 = vec2(340.0, 780.0);

/// A conversation of `count` questions with answers of a dozen words, every fifth of them formatted.
fn talk(count: usize) -> AppState {
    let mut state = AppState::default();
    let conversation = state.conversations.shown();
    for at in 0..count {
        conversation.draft = format!("Question {at}: what is left of the red square in this picture?");
        let asked = conversation.ask(Sampling::default()).unwrap();
        let exchange = &mut conversation.exchanges[asked];
        let words = ["There", " are", " two", " small", " circles", " left", " of", " the", " red", " square", "."];
        exchange.tokens = words.iter().map(|word| token(word)).collect();
        exchange.answer = words.concat();
        if at % 5 == 0 {
            exchange.answer.insert_str(0, "- **");
            exchange.answer.push_str("**\n- and `nothing` else");
        }
        exchange.status = AnswerStatus::Done;
    }
    state
}

fn token(text: &str) -> TokenRecord {
    let alternatives = (0..8).map(|id| Alternative { id, text: format!("Ġword{id}"), log_prob: -1.0 - id as f32 });
    TokenRecord { id: 0, text: text.to_owned(), log_prob: -0.4, alternatives: alternatives.collect() }
}

/// What one frame drew.
struct Drawn {
    /// Questions by their places, and how far down they stand.
    questions: Vec<(usize, f32)>,
    /// How long it took, without tessellation.
    spent: Duration,
}

impl Drawn {
    fn places(&self) -> Vec<usize> {
        self.questions.iter().map(|(place, _)| *place).collect()
    }

    fn is_without_gaps(&self) -> bool {
        (3..30).contains(&self.questions.len()) && self.questions.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1)
    }
}

fn frame(ctx: &Context, state: &AppState, kept: &mut Kept, events: Vec<Event>) -> Drawn {
    let screen_rect = Some(egui::Rect::from_min_size(egui::Pos2::ZERO, SIZE));
    let input = RawInput { screen_rect, events, ..RawInput::default() };
    let cx = Cx::new(state, Language::English.texts(), None);
    let mut spent = Duration::ZERO;
    let mut output = ctx.run_ui(input, |ui| {
        let started = Instant::now();
        show(ui, &cx, kept, &mut Vec::new());
        spent += started.elapsed();
    });
    // Nothing is put on a screen here.
    output.textures_delta.clear();
    let found = output.shapes.iter().filter_map(|shape| match &shape.shape {
        Shape::Text(text) => {
            let place = text.galley.text().strip_prefix("Question ")?.split_once(':')?.0.parse().ok()?;
            Some((place, text.pos.y))
        }
        _ => None,
    });
    // The title of the conversation is a question too.
    Drawn { questions: found.filter(|(_, y)| *y > 40.0 || *y < 0.0).collect(), spent }
}

fn settled(ctx: &Context, state: &AppState, kept: &mut Kept) -> Drawn {
    (0..8).map(|_| frame(ctx, state, kept, Vec::new())).last().unwrap()
}

fn scrolled(points: f32) -> Vec<Event> {
    let pointer = Event::PointerMoved(egui::pos2(150.0, 300.0));
    let delta = vec2(0.0, points);
    vec![
        pointer,
        Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta,
            phase: TouchPhase::Move,
            modifiers: Modifiers::NONE,
            source: MouseWheelSource::Trackpad,
        },
    ]
}

#[test]
fn ten_thousand_messages_cost_what_is_in_view_of_them() {
    let (ctx, state, mut kept) = (Context::default(), talk(5_000), Kept::default());
    crate::window::theme::install(&ctx);
    let drawn = settled(&ctx, &state, &mut kept);
    assert!(drawn.is_without_gaps(), "{:?}", drawn.questions);
    assert_eq!(drawn.places().last(), Some(&4_999), "it begins at its end");
    // Far up, through what was never measured.
    for _ in 0..40 {
        frame(&ctx, &state, &mut kept, scrolled(20_000.0));
    }
    let drawn = settled(&ctx, &state, &mut kept);
    assert!(drawn.is_without_gaps(), "{:?}", drawn.questions);
    assert!(drawn.places().last().is_some_and(|last| *last < 4_900), "{:?}", drawn.questions);
}

#[test]
fn what_is_read_stays_in_place_while_what_is_above_is_measured() {
    let (ctx, state, mut kept) = (Context::default(), talk(400), Kept::default());
    crate::window::theme::install(&ctx);
    let mut before = settled(&ctx, &state, &mut kept);
    let mut down = 0.0;
    for _ in 0..300 {
        let after = frame(&ctx, &state, &mut kept, scrolled(10.0));
        for (place, y) in &after.questions {
            let Some((_, was)) = before.questions.iter().find(|(known, _)| known == place) else { continue };
            assert!((-1.0..=25.0).contains(&(y - was)), "question {place} went from {was} to {y}");
            down += y - was;
        }
        before = after;
    }
    assert!(down > 1_000.0, "{down}");
}

/// Prints what a frame costs: `cargo test --release -p opabinia --lib a_frame -- --nocapture --ignored`.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "its result")]
fn a_frame_of_two_hundred_messages() {
    for count in [100, 5_000] {
        let (ctx, state, mut kept) = (Context::default(), talk(count), Kept::default());
        crate::window::theme::install(&ctx);
        settled(&ctx, &state, &mut kept);
        let mut times: Vec<_> = (0..300)
            .map(|at| {
                let wheel = if at % 2 == 0 { 300.0 } else { -180.0 };
                frame(&ctx, &state, &mut kept, scrolled(wheel)).spent
            })
            .collect();
        times.sort();
        println!("{} messages: median {:?}, p99 {:?}", count * 2, times[150], times[297]);
    }
}
