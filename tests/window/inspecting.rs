//! The inspector: what it shows is what the trace, the maps and the answer hold.

use crate::harness::{checkpoint, image, open, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::gpu::GridPart;
use opabinia::window::state::{
    Alternative, AnswerStatus, InspectorTab, MapSource, Slot, TokenPlace, ViewChange, chosen,
};
use opabinia_engine::probe::Trace;
use opabinia_engine::sva::{Frame, HEADS};
use opabinia_shaders::{Cell, Indices, MapTexel, MapView, Quantity};
use std::sync::Arc;

/// The window with an answered question about `picture`, and its maps.
pub fn answered(variant: &str, picture: &str, size: [f32; 2]) -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint(variant)), image: Some(image(picture)), ..Start::default() };
    let mut window = open(start, size);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().apply(ConversationAction::SetDraft("Describe this image in detail.".to_owned()).into());
    window.state_mut().apply(ConversationAction::Ask.into());
    wait(&mut window, "the answer", |app| {
        let last = app.state().conversations.current().and_then(|shown| shown.exchanges.last());
        last.is_some_and(|exchange| matches!(exchange.status, AnswerStatus::Done | AnswerStatus::Full))
    });
    wait(&mut window, "the maps", |app| app.maps().is_some());
    window
}

/// Shows a part of the inspector.
pub fn show(window: &mut Harness<'_, App>, tab: InspectorTab) {
    window.state_mut().apply(ViewAction::ShowInspector(tab).into());
    window.run_ok();
}

/// What a screen reader says of a node.
fn words(node: &egui_kittest::Node<'_>) -> String {
    let node = node.accesskit_node();
    node.value().or_else(|| node.label()).unwrap_or_default()
}

/// Draws frames until `ready` holds: numbers of maps come from the device only where maps are drawn.
fn wait_drawing(window: &mut Harness<'_, App>, what: &str, ready: impl Fn(&App) -> bool) {
    for _ in 0..200 {
        window.step();
        if ready(window.state()) {
            window.run_ok();
            return;
        }
        window.render().unwrap();
    }
    panic!("drew too often for {what}");
}

fn change(window: &mut Harness<'_, App>, change: ViewChange) {
    window.state_mut().apply(change.into());
    window.run_ok();
}

fn trace(window: &Harness<'_, App>) -> Arc<Trace> {
    Arc::clone(&window.state().state().trace().unwrap().trace)
}

fn token(window: &Harness<'_, App>, token: usize) -> TokenPlace {
    let shown = window.state().state().conversations.current().unwrap();
    TokenPlace { conversation: shown.id, exchange: shown.leaf.unwrap(), token }
}

/// The attention of one head in one cell of a connector layer, straight from the trace: `[keys]`.
fn attention(trace: &Trace, layer: usize, head: usize, (row, column): (usize, usize)) -> Vec<f64> {
    let layer = &trace.layers[layer];
    let cell = (row - layer.frame.rows.start) * layer.frame.columns.len() + column - layer.frame.columns.start;
    let start = (cell * HEADS + head) * layer.keys;
    layer.probs[start..start + layer.keys].iter().map(|p| f64::from(*p)).collect()
}

#[test]
fn a_cell_shows_the_numbers_of_the_trace() {
    // So high that the first keys are seen without scrolling.
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 960.0]);
    let trace = trace(&window);
    let side = trace.layers[0].frame.side;
    let frame = Frame::new(side, trace.picture);
    let (row, column) = (frame.rows.start + 1, frame.columns.start + 2);
    show(&mut window, InspectorTab::Cell);
    assert!(window.query_by_label("Click a cell of the map, and its numbers appear here.").is_some());
    change(&mut window, ViewChange::Layers(Indices::one(1)));
    change(&mut window, ViewChange::Heads(Indices::one(3)));
    change(&mut window, ViewChange::Select(Some(Cell { row: row as u32, col: column as u32 })));
    assert!(window.query_by_label(&format!("Cell · row {row} · column {column}")).is_some());
    assert!(window.query_by_label_contains("(1, 2)").is_some(), "the place in the unpadded frame");

    let probs = attention(&trace, 1, 3, (row, column));
    let mut start = 0;
    let names = window.state().state().trace().unwrap().encoder_names.clone();
    for (encoder, name) in trace.encoders.iter().zip(&names) {
        let keys = (encoder.side / side).pow(2);
        let share: f64 = probs[start..start + keys].iter().sum();
        // No key of a cell in the middle of the picture is masked.
        let lift = share / (keys as f64 / probs.len() as f64);
        window.get_by_label(&format!("{name}: share {share:.4}, lift ×{lift:.2}"));
        for slot in 0..keys {
            let r = encoder.side / side;
            let place = (row * r + slot / r, column * r + slot % r);
            let spoken = format!("{name} ({}, {}): {:.4}", place.0, place.1, probs[start + slot]);
            // The list shows some rows at a time.
            if start + slot < 5 {
                window.get_by_label(&spoken);
            }
        }
        start += keys;
    }
    let bits: f64 = probs.iter().filter(|p| **p > 0.0).map(|p| -p * p.log2()).sum();
    window.get_by_label(&format!("Entropy: {bits:.3} bits of at most {:.3}", (probs.len() as f64).log2()));
}

#[test]
fn keys_are_listed_by_probability_when_asked() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let trace = trace(&window);
    let frame = Frame::new(trace.layers[0].frame.side, trace.picture);
    let (row, column) = (frame.rows.start + 1, frame.columns.start + 2);
    change(&mut window, ViewChange::Layers(Indices::one(0)));
    change(&mut window, ViewChange::Heads(Indices::one(0)));
    change(&mut window, ViewChange::Select(Some(Cell { row: row as u32, col: column as u32 })));
    show(&mut window, InspectorTab::Cell);
    window.get_by_label("By probability").click();
    window.run_ok();
    let most = attention(&trace, 0, 0, (row, column)).into_iter().fold(0.0, f64::max);
    let listed = window.get_all_by_label_contains("): 0.");
    let first = listed.map(|node| (node.rect().top(), words(&node)));
    let first = first.filter(|(_, label)| label.contains('(')).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
    assert!(first.ends_with(&format!("{most:.4}")), "{first} is not {most}");
}

#[test]
fn clicking_the_matrix_looks_at_one_layer_and_head() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let trace = trace(&window);
    let side = trace.layers[0].frame.side;
    let frame = Frame::new(side, trace.picture);
    let (row, column) = (frame.rows.start, frame.columns.start + 1);
    change(&mut window, ViewChange::Quantity(Quantity::Share));
    change(&mut window, ViewChange::Select(Some(Cell { row: row as u32, col: column as u32 })));
    show(&mut window, InspectorTab::Cell);
    let keys = (trace.encoders[0].side / side).pow(2);
    let share: f64 = attention(&trace, 1, 5, (row, column))[..keys].iter().sum();
    // A row is one thing to hear of; the number under the pointer stands in its tip.
    let heads = window.get_by_label_contains(&format!("{} · heads: ", trace.layers[1].label)).rect();
    let at = egui::pos2(heads.left() + (5.0 + 0.5) * heads.width() / HEADS as f32, heads.center().y);
    window.hover_at(at);
    window.run_ok();
    window.get_by_label_contains(&format!("{} · head 5: {share:.4}", trace.layers[1].label));
    window.drag_at(at);
    window.step();
    window.drop_at(at);
    window.run_ok();
    let view = window.state().state().lens().clone();
    assert_eq!((view.layers, view.heads), (Indices::one(1), Indices::one(5)));
    assert_eq!(view.selected, Some(Cell { row: row as u32, col: column as u32 }));
    window.get_by_label(&format!("Layer {} · head 5", trace.layers[1].label));
}

#[test]
fn padding_is_named_and_warned_of() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    assert!(Frame::new(trace(&window).layers[0].frame.side, trace(&window).picture).rows.start > 0);
    change(&mut window, ViewChange::Select(Some(Cell { row: 0, col: 0 })));
    show(&mut window, InspectorTab::Cell);
    assert!(window.query_by_label_contains("The reference un-masks such cells").is_some());
    let names = &window.state().state().trace().unwrap().encoder_names;
    for name in names {
        window.get_by_label(&format!("{name}: padding"));
    }
}

#[test]
fn a_token_shows_its_numbers_and_what_it_could_have_been() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let place = token(&window, 1);
    window.state_mut().apply(ConversationAction::SelectToken(Some(place)).into());
    show(&mut window, InspectorTab::Token);
    let record = window.state().state().conversations.exchange(place).unwrap().tokens[1].clone();
    window.get_by_label(&record.id.to_string());
    window.get_by_label(&format!("{:.2}", record.log_prob).replace('-', "−"));
    for other in &record.alternatives {
        let percent = percent(other.log_prob);
        let found = window.query_all_by_label_contains(&format!(": {percent}")).count();
        assert!(found > 0, "{} is not shown with {percent}", other.text);
    }
    let other = record.alternatives.iter().find(|other| other.id != record.id).unwrap().clone();
    let before = window.state().state().conversations.current().unwrap().exchanges.len();
    let button = window.get_all_by_label_contains("Continue: ").next().unwrap();
    button.click();
    window.run_ok();
    wait(&mut window, "the other answer", |app| {
        let shown = app.state().conversations.current().unwrap();
        shown.exchanges.len() == before + 1 && !shown.exchanges.last().unwrap().status.is_open()
    });
    let exchanges = &window.state().state().conversations.current().unwrap().exchanges;
    assert_eq!(exchanges.last().unwrap().tokens[1].id, other.id);
    // In the new answer's list that token says that a person put it there, and the one before that it was taken over.
    let place = token(&window, 1);
    window.state_mut().apply(ConversationAction::SelectToken(Some(place)).into());
    window.run_ok();
    window.get_by_label_contains(&format!(": {} · Forced", percent(other.log_prob)));
    let place = token(&window, 0);
    window.state_mut().apply(ConversationAction::SelectToken(Some(place)).into());
    window.run_ok();
    window.get_by_label_contains(" · Repeated");
}

/// A probability as the window writes it: in percent, with digits that say something.
fn percent(log_prob: f32) -> String {
    let percent = f64::from(log_prob).exp() * 100.0;
    let places = match percent {
        p if p >= 99.95 => return "100%".to_owned(),
        p if p >= 10.0 => 1,
        p if p >= 0.1 => 2,
        p if p >= 0.001 => 3,
        _ => return "<0.001%".to_owned(),
    };
    format!("{percent:.places$}%")
}

#[test]
fn tokens_are_read_as_text_and_small_probabilities_are_not_called_nothing() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    // What a byte-level vocabulary calls a word after a space, and a line break.
    let shown = window.state_mut().state_mut().conversations.shown();
    let exchange = shown.exchanges.get_mut(0).unwrap();
    let other = |id, text: &str, p: f32| Alternative { id, text: text.to_owned(), log_prob: p.ln() };
    exchange.tokens[0].alternatives = vec![other(1, "Ġthat", 0.9), other(2, "Ċ", 1e-6)];
    let place = token(&window, 0);
    window.state_mut().apply(ConversationAction::SelectToken(Some(place)).into());
    show(&mut window, InspectorTab::Token);
    window.get_by_label("“ that”: 90.0%");
    window.get_by_label("“¶”: <0.001%");
    window.get_by_label("Continue: “ that”");
    assert!(window.query_by_label_contains("Ġ").is_none() && window.query_by_label_contains("0.0000").is_none());
    // The token itself is in its list, though it is not among the most likely.
    window.get_by_label_contains(" · Chosen");
}

#[test]
fn what_a_token_attended_to_is_asked_for_on_demand_and_adds_up() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let first = token(&window, 0);
    window.state_mut().apply(ConversationAction::SelectToken(Some(first)).into());
    show(&mut window, InspectorTab::Token);
    let key = window.state().state().attention_key().unwrap();
    assert!(window.state().state().attentions.get(key).is_none(), "nobody asked");
    window.get_by_label("Show what it attended to").click();
    window.run_ok();
    wait(&mut window, "the attention's map", |app| app.maps().is_some());
    assert!(matches!(window.state().state().pane().source, MapSource::TokenAttention { layer: None, head: None }));
    let known = Arc::clone(window.state().state().attentions.ready(key).unwrap());
    let (values, mass) = chosen(&known, None, None).unwrap();
    let sum = mass.before + mass.visual + mass.newline + mass.after;
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    assert!((values.iter().sum::<f32>() - mass.visual).abs() < 1e-4);
    let shown: f64 = (["Visual tokens: ", "Newline tokens: ", "Text before: ", "Text after: "].iter())
        .map(|name| {
            let label = words(&window.get_by_label_contains(name));
            label[name.len()..].split(',').next().unwrap().parse::<f64>().unwrap()
        })
        .sum();
    assert!((shown - 1.0).abs() < 1e-4, "{shown}");

    // One layer and head is another map of the same attention.
    change(&mut window, ViewChange::Source(MapSource::TokenAttention { layer: Some(1), head: Some(0) }));
    wait(&mut window, "the head's map", |app| app.maps().is_some());
    let gpu = window.state().gpu().unwrap();
    let grid = gpu.grid(&known, GridPart { layer: Some(1), head: Some(0) }).unwrap();
    let of_sva = gpu.trace(&window.state().state().trace().unwrap().trace).unwrap();
    let photo = &grid.ready().unwrap().on_gpu.photo;
    assert!(Arc::ptr_eq(photo, &of_sva.ready().unwrap().photo), "the photo lies on the device once");
    let shown = Arc::clone(&window.state().maps().unwrap().large);
    show(&mut window, InspectorTab::Table);
    wait_drawing(&mut window, "the map's numbers", |_| shown.numbers(&MapView::of(Quantity::Share)).is_some());
    let numbers = shown.numbers(&MapView::of(Quantity::Share)).unwrap();
    let on_map: Vec<f32> = numbers[0].texels.iter().filter_map(|texel| texel.value()).collect();
    assert_eq!(on_map, known.map(1, 0).unwrap());

    // Another token, while the maps show a token, is asked for by itself.
    let second = token(&window, 1);
    window.state_mut().apply(ConversationAction::SelectToken(Some(second)).into());
    wait(&mut window, "the second token's map", |app| app.maps().is_some());
    let key = window.state().state().attention_key().unwrap();
    assert_eq!(key.1, second);
    let other = window.state().state().attentions.ready(key).unwrap();
    assert_ne!(other.map(1, 0), known.map(1, 0), "each token has attention of its own");
}

#[test]
fn the_table_holds_the_numbers_of_the_maps() {
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    change(&mut window, ViewChange::Quantity(Quantity::Share));
    show(&mut window, InspectorTab::Table);
    let numbers = |app: &App| app.maps()?.small.numbers(&app.state().lens().map_view());
    wait_drawing(&mut window, "the numbers", |app| numbers(app).is_some());
    let maps = numbers(window.state()).unwrap();
    let names = window.state().state().trace().unwrap().encoder_names.clone();
    let first = maps[0].texels.iter().position(|texel| texel.value().is_some()).unwrap();
    assert!(first > 4 && first < 40, "padding comes first, and then values");
    // The list begins where the picture does, and says what it leaves out.
    let side = maps[0].side as usize;
    let row = |at: usize| format!("({}, {}): ", at / side, at % side);
    assert!(window.query_by_label_contains(&row(0)).is_none(), "rows of padding");
    window.get_by_label_contains(&row(first));
    let padded = (0..side * side).filter(|at| maps.iter().all(|map| map.texels[*at] == MapTexel::Padding)).count();
    window.get_by_label(&format!("List padding ({padded})")).click();
    window.run_ok();
    // As many rows as are seen at once, some of the padding and some of the picture.
    for at in first - 2..first + 4 {
        let side = maps[0].side as usize;
        let values = names.iter().zip(maps.iter()).map(|(name, map)| match map.texels[at] {
            MapTexel::Value(value) => format!("{name} {value:.4}"),
            MapTexel::Padding => format!("{name} padding"),
            MapTexel::Masked => format!("{name} masked"),
            MapTexel::Outside => format!("{name} outside"),
        });
        let spoken = format!("({}, {}): {}", at / side, at % side, values.collect::<Vec<_>>().join(", "));
        window.get_by_label(&spoken);
    }
    // A row that is clicked is the selected cell.
    window.get_by_label_contains("(0, 2): ").click();
    window.run_ok();
    assert_eq!(window.state().state().lens().selected, Some(Cell { row: 0, col: 2 }));
    window.get_by_label("Copy as CSV").click();
    window.run_ok();
}

#[test]
fn the_checkpoint_is_described() {
    let mut window = answered("tiny-phi3", "square.png", [1360.0, 860.0]);
    show(&mut window, InspectorTab::Model);
    let model = window.state().state().models.loaded(Slot::A).unwrap();
    let tower = model.inspection.encoders[0].spec.name.clone();
    window.get_by_label(&tower);
    window.get_by_label("cambrian_phi3");
}
