//! Both sides in one pane: their numbers as a table, as files, and what becomes of one side when the other fails.

use crate::comparing::{SIZES, answered, ask_both, compared, demo_against_moved, drawn, numbers_of, statuses};
use crate::harness::{checkpoint, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use opabinia::figure::Theme;
use opabinia::map_figure::Part;
use opabinia::window::action::{Action, ComparisonAction, ConversationAction, ModelAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{
    AnswerStatus, ExportKind, ExportOptions, InspectorTab, MapsCompared, NoticeKind, Overlay, PictureState, SidesLook,
    Slot, ViewChange,
};
use opabinia_shaders::{Cell, Indices, MapTexel, Quantity};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the rows of the table say.
fn rows(window: &Harness<'static, App>) -> Vec<String> {
    let rows = window.query_all_by_label_contains("): ");
    let label = |node: egui_kittest::Node<'_>| node.accesskit_node().label().or_else(|| node.accesskit_node().value());
    rows.filter_map(label).filter(|line| line.starts_with('(')).collect()
}

fn look(window: &mut Harness<'static, App>, look: SidesLook) {
    window.state_mut().act(ComparisonAction::Look(look));
    for _ in 0..6 {
        window.render().unwrap();
        window.step();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn the_table_has_both_columns_and_their_difference() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    window.state_mut().act(ViewChange::Quantity(Quantity::Share));
    window.state_mut().act(ViewChange::Layers(Indices::one(1)));
    window.state_mut().act(ViewAction::ShowInspector(InspectorTab::Table));
    look(&mut window, SidesLook::Beside);
    let [a, b] = [Slot::A, Slot::B].map(|slot| drawn(&mut window, |app| numbers_of(app, slot)));
    window.step();
    let side = a[0].side as usize;
    let encoders = window.state().state().trace().unwrap().encoder_names.clone();
    let said = rows(&window);
    let mut compared = 0;
    for at in 0..side * side {
        let beginning = format!("({}, {}): ", at / side, at % side);
        let Some(row) = said.iter().find(|row| row.starts_with(&beginning)) else { continue };
        for (k, encoder) in encoders.iter().enumerate() {
            let (MapTexel::Value(of_a), MapTexel::Value(of_b)) = (a[k].texels[at], b[k].texels[at]) else { continue };
            let small = |value: f32| {
                if value > 0.0 && value < 5e-5 { "<0.0001".to_owned() } else { format!("{value:.4}") }
            };
            let difference = format!("{:+.4}", of_b - of_a).replace('-', "−");
            let expected =
                format!("A · {encoder} {}, B · {encoder} {}, B − A · {encoder} {difference}", small(of_a), small(of_b));
            assert!(row.contains(&expected), "{row}\n{expected}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} of {said:?}");
    shot(&mut window, "comparison-table");
    // Divergence has one column, and a difference of two of one shape its own numbers.
    wait(&mut window, "the comparison", |app| {
        let keys = app.state().sides_of(app.state().pane()).unwrap();
        matches!(app.state().comparison.maps(&keys), Some(MapsCompared::Ready(_)))
    });
    look(&mut window, SidesLook::Divergence);
    let state = window.state().state();
    let keys = state.sides_of(state.pane()).unwrap();
    let Some(MapsCompared::Ready(maps)) = state.comparison.maps(&keys) else { panic!("not compared") };
    let layer = &maps.layers[1];
    let (row, column, value) = layer.largest(1)[0];
    let expected = format!("({row}, {column}): All encoders {value:.4}");
    let said = rows(&window);
    assert!(said.iter().any(|line| line.eq_ignore_ascii_case(&expected)), "{expected}: {said:?}");
    shot(&mut window, "comparison-table-divergence");
}

#[test]
fn a_wipe_says_what_is_on_either_side_of_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[1]);
    look(&mut window, SidesLook::Wipe);
    let line = window.get_by_label("Line between A and B").rect().center().x;
    let heading = |window: &Harness<'static, App>, letter: &str| {
        // Of several letters, that above the map: the control in the top bar has longer labels.
        let top = window.get_by_label("Line between A and B").rect().top();
        let above = window.query_all_by_label(letter).map(|node| node.rect());
        above.filter(|rect| rect.bottom() <= top + 1.0).max_by(|a, b| a.top().total_cmp(&b.top())).unwrap()
    };
    assert!(heading(&window, "A").right() < line && heading(&window, "B").left() >= line - 1.0);
    shot(&mut window, "comparison-wipe");
    // The sides change places as long as X is held, and so do their names.
    window.key_down(egui::Key::X);
    window.step();
    window.step();
    assert!(heading(&window, "B").right() < line && heading(&window, "A").left() >= line - 1.0);
    window.key_up(egui::Key::X);
    window.step();
}

fn export(window: &mut Harness<'static, App>, kind: ExportKind, path: &Path) {
    let options = ExportOptions { svg: false, only_large: false, part: Part::Picture, side: 200, theme: Theme::Light };
    let before = window.state().state().notices.all().count();
    window.state_mut().apply(ViewAction::ExportTo(kind, options, path.to_owned()).into());
    wait(window, "the export", |app| app.state().notices.all().count() > before);
    let notice = window.state().state().notices.all().next_back().unwrap().clone();
    assert_eq!(notice.kind, NoticeKind::Info, "{}", notice.text);
}

/// Rows of an exported table without its head.
fn lines(path: &Path) -> (String, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.collect())
}

#[test]
fn every_way_to_look_at_both_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    window.state_mut().act(ViewChange::Layers(Indices::one(1)));
    window.state_mut().act(ViewChange::Select(Some(Cell { row: 2, col: 1 })));
    wait(&mut window, "the comparison", |app| {
        let keys = app.state().sides_of(app.state().pane()).unwrap();
        matches!(app.state().comparison.maps(&keys), Some(MapsCompared::Ready(_)))
    });
    let mut pictures = Vec::new();
    for way in SidesLook::ALL {
        look(&mut window, way);
        let file = |ending: &str| folder.path().join(format!("{way:?}.{ending}"));
        for (kind, ending) in [(ExportKind::Picture, "png"), (ExportKind::Picture, "svg"), (ExportKind::Numbers, "csv")]
        {
            export(&mut window, kind, &file(ending));
        }
        let picture = image::open(file("png")).unwrap().to_rgb8();
        assert!(picture.pixels().collect::<HashSet<_>>().len() > 50, "{way:?}: there is nothing on it");
        let svg = std::fs::read_to_string(file("svg")).unwrap();
        let (width, height) = picture.dimensions();
        assert!(svg.contains(&format!("width=\"{width}\" height=\"{height}\"")), "{way:?}");
        let maps = if way == SidesLook::Divergence { 1 } else { 4 };
        assert_eq!(svg.matches("data:image/png;base64,").count(), maps, "{way:?}");
        assert!(svg.contains("moved"), "{way:?}: the figure names both sides");
        pictures.push(picture.into_raw());
        if let Some(directory) = std::env::var_os("OPABINIA_SHOTS") {
            std::fs::copy(file("png"), Path::new(&directory).join(format!("figure-{way:?}.png"))).unwrap();
        }
    }
    // Swapped by hand or not, A and B stand beside each other; all else looks different.
    assert!(pictures[0] == pictures[1] && pictures.iter().collect::<HashSet<_>>().len() == 4);
    // The numbers of both are those of the two maps, and B − A is what the difference has.
    let (head, both) = lines(&folder.path().join("Beside.csv"));
    assert!(head.ends_with(",side"), "{head}");
    let (_, difference) = lines(&folder.path().join("Difference.csv"));
    let value = |row: &str| row.split(',').nth(3).unwrap().parse::<f32>().ok();
    let (of_a, of_b) = both.split_at(both.len() / 2);
    assert!(of_a.iter().all(|row| row.ends_with(",A")) && of_b.iter().all(|row| row.ends_with(",B")));
    let mut compared = 0;
    for ((a, b), difference) in of_a.iter().zip(of_b).zip(&difference) {
        if let (Some(a), Some(b), Some(difference)) = (value(a), value(b), value(difference)) {
            assert!((b - a - difference).abs() < 1e-6, "{a} {b} {difference}");
            compared += 1;
        }
    }
    assert!(compared > 20);
    let (head, divergence) = lines(&folder.path().join("Divergence.csv"));
    assert!(head.contains("layers,a,b,image"), "{head}");
    let state = window.state().state();
    let Some(MapsCompared::Ready(maps)) = state.comparison.maps(&state.sides_of(state.pane()).unwrap()) else {
        panic!("not compared")
    };
    let (row, column, most) = maps.layers[1].largest(1)[0];
    let value = divergence.iter().find_map(|line| line.split_once(&format!(",{row},{column},")));
    let value: f32 = value.unwrap().1.split(',').next().unwrap().parse().unwrap();
    assert!((value - most as f32).abs() < 1e-6, "{value} instead of {most}");
}

#[test]
fn unlike_sides_are_exported_as_far_as_they_are_matched() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-phi3"), SIZES[1]);
    ask_both(&mut window, "What is this?");
    wait(&mut window, "both answers", answered);
    wait(&mut window, "the comparison", |app| {
        let keys = app.state().sides_of(app.state().pane()).unwrap();
        matches!(app.state().comparison.maps(&keys), Some(MapsCompared::Ready(_)))
    });
    for way in [SidesLook::Wipe, SidesLook::Difference, SidesLook::Divergence] {
        look(&mut window, way);
        let svg = folder.path().join(format!("{way:?}.svg"));
        export(&mut window, ExportKind::Picture, &svg);
        let svg = std::fs::read_to_string(svg).unwrap();
        let maps = if way == SidesLook::Divergence { 1 } else { 3 };
        assert_eq!(svg.matches("data:image/png;base64,").count(), maps, "{way:?}: DINOv2 has no counterpart");
        let lines = svg.split("</text>").filter_map(|line| line.rsplit('>').next());
        let text = lines.collect::<Vec<_>>().join(" ");
        assert!(text.contains("Without a counterpart: DINOv2"), "{way:?}: {text}");
        // That there is no recipe is said at once, not after the questions about a file.
        window.state_mut().apply(Action::Command(UiCommand::ExportRecipe));
        let notice = window.state().state().notices.all().next_back().unwrap().clone();
        assert!(notice.text.contains("can be exported as a figure"), "{way:?}: {}", notice.text);
        assert!(matches!(window.state().state().overlay, Overlay::None), "{way:?}");
    }
}

/// On a query grid of four rows nothing is left of a picture six times as wide as high; on one of eight, something is.
#[test]
fn a_picture_that_one_side_cannot_see_leaves_the_other_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.png");
    image::RgbImage::from_fn(240, 40, |x, y| image::Rgb([x as u8, (y * 6) as u8, 90])).save(&file).unwrap();
    let mut window = compared(&checkpoint("tiny-yi"), &checkpoint("tiny-phi3"), SIZES[1]);
    window.state_mut().act(ConversationAction::AttachFile(file));
    wait(&mut window, "the picture", |app| {
        let picture = app.state().picture().and_then(|id| app.state().pictures.get(id));
        picture.is_some_and(|entry| matches!(&entry.state, PictureState::Ready(pixels) if pixels.width == 240))
    });
    ask_both(&mut window, "What is this?");
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    wait(&mut window, "both ends", answered);
    let [a, b] = statuses(window.state().state());
    assert!(matches!(a, Some(AnswerStatus::Done | AnswerStatus::Full)), "{a:?}");
    let Some(AnswerStatus::Failed(why)) = b else { panic!("{b:?}") };
    assert!(why.contains("4×4 query grid") && why.contains("Crop it"), "{why}");
    // It is said in B's column and instead of B's maps; A's maps are a click away, and A goes on.
    assert!(window.query_all_by_label_contains("4×4 query grid").next().is_some());
    shot(&mut window, "comparison-impossible-grid");
    let state = window.state().state();
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    window.get_by_label("Ask again: A").click();
    window.step();
    window.step();
    wait(&mut window, "the other answer of A", answered);
    assert!(matches!(statuses(window.state().state())[0], Some(AnswerStatus::Done | AnswerStatus::Full)));
    window.state_mut().act(ComparisonAction::LookAtOne(Slot::A));
    drawn(&mut window, |app| app.maps()?.small.measured_numbers());
    assert_eq!(window.state().state().conversations.current().unwrap().draft, "half a question");
}

#[test]
fn a_side_that_is_lost_in_a_panic_leaves_the_other_as_it_was() {
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-yi"), SIZES[1]);
    window.state_mut().state_mut().settings.sampling.max_tokens = 400;
    let armed = Arc::new(AtomicBool::new(false));
    let fuse = Arc::clone(&armed);
    // Whoever is woken by an event runs on the engine thread in the middle of its job.
    window.ctx.set_repaint_observer(move |_| {
        if std::thread::current().name() == Some("engine") && fuse.swap(false, Ordering::SeqCst) {
            panic!("a test's panic on the engine thread");
        }
    });
    ask_both(&mut window, "Describe this image in detail.");
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    // In the middle of B's answer: A's is complete.
    let begun = |app: &App| matches!(&statuses(app.state())[1], Some(AnswerStatus::Streaming));
    for _ in 0..20_000 {
        window.step();
        if begun(window.state()) {
            break;
        }
    }
    armed.store(true, Ordering::SeqCst);
    wait(&mut window, "both ends", answered);
    let [a, b] = statuses(window.state().state());
    assert!(matches!(a, Some(AnswerStatus::Done | AnswerStatus::Full)), "{a:?}");
    assert!(matches!(b, Some(AnswerStatus::Failed(_))), "{b:?}");
    shot(&mut window, "comparison-lost-side");
    // A answers again, B may be asked again, and nothing typed is lost.
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    for label in ["Ask again: A", "Ask again: B"] {
        window.get_by_label(label).click();
        window.step();
        window.step();
        wait(&mut window, "the other answer", answered);
    }
    let [a, b] = statuses(window.state().state());
    assert!([a, b].iter().all(|known| matches!(known, Some(AnswerStatus::Done | AnswerStatus::Full))));
    let state = window.state().state();
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    assert!(state.models.are_two() && state.comparison.on);
    // Neither is lost where B is opened anew and that fails in the same way.
    let directory = state.models.loaded(Slot::B).unwrap().directory();
    armed.store(true, Ordering::SeqCst);
    window.state_mut().act(ModelAction::Inspect(Slot::B, directory));
    wait(&mut window, "the end of that", |app| !app.state().is_busy());
    let state = window.state().state();
    assert!(state.models.loaded(Slot::A).is_some());
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
}
