//! The panel of evidence beyond single numbers: curves, chains, features, the lens, checks; and what survives a restart.

use crate::evidence::{SIZE, act, by_the_engine, export, findings, panel, run, says, state_of, wait_for};
use crate::harness::{checkpoint, image, open, wait};
use crate::inspecting::answered;
use crate::keeping::start;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::evidence::checks::{MAPS, SHUFFLES, Shuffled};
use opabinia::evidence::export::EvidenceFile;
use opabinia::evidence::sheet::signed;
use opabinia::evidence::{DecoderChoice, LayerColumn, Section};
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, EvidenceAction, ProgramAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::state::{EvidencePart, PartState, Purpose, Recall, Slot, TokenPlace, ViewChange};
use opabinia_engine::probe::evidence::{Also, CellOrder, Faithfulness, Finding, GradientOf, RANDOM_ORDERS, Way};
use opabinia_shaders::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many orders of cells have a curve by now.
pub fn curves(app: &App) -> usize {
    let known = app.state().evidence_shown().and_then(|known| known.findings());
    known.map_or(0, |known| known.evidence().curves.len())
}

/// Selects a token of the answer that is shown.
pub fn select_token(window: &mut Harness<'_, App>, token: usize) {
    let (key, _) = window.state().state().evidence_about().unwrap();
    let place = TokenPlace { conversation: key.1, exchange: key.2, token };
    window.state_mut().act(ConversationAction::SelectToken(Some(place)));
    window.run_ok();
}

#[test]
fn a_token_is_selected_and_its_chain_followed() {
    let mut window = answered("tiny-llama3", "wide.png", SIZE);
    panel(&mut window);
    window.state_mut().state_mut().token = None;
    act(&mut window, EvidenceAction::ShowSection(Section::Chain));
    assert!(says(&window, "Select a token of the answer to follow its chain."));
    select_token(&mut window, 1);
    wait_for(&mut window, EvidencePart::Chain(1));
    for choice in [DecoderChoice::Mean, DecoderChoice::Rollout, DecoderChoice::Head { layer: 0, head: 1 }] {
        act(&mut window, EvidenceAction::SetDecoder(choice));
        wait(&mut window, "the chain", |app| {
            app.state().evidence_shown().is_some_and(|known| known.chain(1, choice).is_some())
        });
        window.run_ok();
        let app = window.state();
        let chain = app.state().evidence_shown().unwrap().chain(1, choice).unwrap();
        assert!((chain.total() - 1.0).abs() < 1e-5, "{choice:?}: {}", chain.total());
        let own = by_the_engine(app, Also { readings: vec![1], ..Also::default() });
        let expected = own.chain(1, choice).unwrap();
        let far = chain.cells.iter().zip(&expected.cells).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 1e-5, "{choice:?}: {far}");
        // Every step is on the screen, with what it keeps and the largest thing that it drops.
        for hop in &chain.hops {
            let (name, _) = app.texts().evidence_further.hop(hop.kind);
            let kept = format!("{name}: kept {:.2} %", 100.0 * hop.kept);
            assert!(says(&window, &kept), "{kept}");
        }
        let before = &chain.hops[0].dropped[0];
        let (name, _) = app.texts().evidence_further.dropped(before.0);
        assert!(says(&window, &format!("dropped: {name} {:.2} %", 100.0 * before.1)));
        assert!(says(&window, "kept at last + dropped = 100.00 %"));
    }
    // Of a layer that there is not the last one is taken.
    act(&mut window, EvidenceAction::SetDecoder(DecoderChoice::Head { layer: 99, head: 0 }));
    wait(&mut window, "the last layer", |app| {
        let choice = app.state().evidence.view.decoder;
        matches!(choice, DecoderChoice::Head { layer: 0..99, head: 0 })
            && app.state().evidence_shown().is_some_and(|known| known.chain(1, choice).is_some())
    });
}

#[test]
fn orders_of_cells_are_compared_and_a_stopped_comparison_keeps_its_curves() {
    let mut window = answered("tiny-phi3", "square.png", SIZE);
    panel(&mut window);
    act(&mut window, EvidenceAction::ShowSection(Section::Curves));
    let part = EvidencePart::Curves(None, GradientOf::Answer);
    let started = Instant::now();
    while curves(window.state()) < 2 {
        assert!(started.elapsed() < Duration::from_secs(60), "waited too long for the first curves");
        window.step();
    }
    window.state_mut().act(EvidenceAction::Stop);
    wait(&mut window, "the end", |app| state_of(app, part) != Some(PartState::Asked));
    let (stopped, kept) = (state_of(window.state(), part), curves(window.state()));
    assert!(stopped == Some(PartState::Stopped) && kept >= 2, "{stopped:?}, {kept}");
    let before = findings(window.state()).evidence().curves[0].clone();
    window.get_by_label("Go on").click();
    window.step();
    wait_for(&mut window, part);
    let all = CellOrder::all(RANDOM_ORDERS, true);
    assert_eq!(curves(window.state()), 2 * all.len());
    assert_eq!(findings(window.state()).evidence().curves[0], before, "what was measured is not measured again");
    // What is on the screen is what the engine measures by itself.
    let of = before.of;
    let orders = vec![CellOrder::Norm, CellOrder::Effect];
    let own = by_the_engine(window.state(), Also { curves: vec![Faithfulness { of, orders }], ..Also::default() });
    let texts = &window.state().texts().evidence_further;
    for row in own.curve_rows(of) {
        for (way, area) in Way::ALL.into_iter().zip(row.areas) {
            let (area, _) = area.unwrap();
            let got = findings(window.state()).curve_rows(of);
            let got = got.iter().find(|known| known.order == row.order).unwrap();
            let got = got.areas[usize::from(way == Way::Insertion)].unwrap().0;
            assert!((got - area).abs() < 2e-4, "{:?} {way:?}: {got} instead of {area}", row.order);
            let written = format!("{} · {} · area: {}", texts.order(row.order).0, texts.way(way).0, signed(got));
            assert!(says(&window, &written), "{written}");
        }
    }
    // It is written, and made again from its recipe byte for byte.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let recipe = path("e.recipe.json");
    export(&mut window, EvidenceFile::Recipe, &recipe);
    let model = crate::harness::checkpoint("tiny-phi3");
    for (kind, ending) in [(EvidenceFile::Numbers, "csv"), (EvidenceFile::Svg, "svg")] {
        let (first, again) = (path(&format!("e.{ending}")), path(&format!("again.{ending}")));
        export(&mut window, kind, &first);
        let arguments = ["-m", &model, "--recipe", recipe.to_str().unwrap(), "-o", again.to_str().unwrap()];
        let (made, message) = run(&arguments);
        assert!(made, "{message}");
        assert!(std::fs::read(&first).unwrap() == std::fs::read(&again).unwrap(), "{ending}: another file");
    }
    let table = std::fs::read_to_string(path("e.csv")).unwrap();
    assert!(table.contains(",deletion.normalised,") && table.contains("/effect:"), "{table}");
}

#[test]
fn features_and_the_lens_are_read_of_the_cell_that_is_pointed_at() {
    let mut window = answered("tiny-llama3", "wide.png", SIZE);
    panel(&mut window);
    act(&mut window, EvidenceAction::ShowSection(Section::Features));
    wait_for(&mut window, EvidencePart::Features);
    window.run_ok();
    let features = findings(window.state()).evidence().features.clone().unwrap();
    for map in &features.own {
        assert!(says(&window, &format!("effective rank: {:.1}", map.effective_rank)));
    }
    act(&mut window, EvidenceAction::ShowShared(true));
    assert!(says(&window, &format!("effective rank: {:.1}", features.shared[0].effective_rank)));
    act(&mut window, EvidenceAction::ShowSection(Section::Lens));
    wait_for(&mut window, EvidencePart::Lens);
    window.run_ok();
    assert!(says(&window, "Point at a cell of the map, or select one."));
    let lens = findings(window.state()).evidence().lens.clone().unwrap();
    let (row, column) = (lens.frame.rows.start, lens.frame.columns.start + 1);
    window.state_mut().act(ViewChange::Select(Some(Cell { row: row as u32, col: column as u32 })));
    window.run_ok();
    let cell = lens.cell(row, column).unwrap();
    for sampler in &lens.samplers {
        let (text, log_prob) = &sampler.after[cell][0];
        let written = format!("“{}” {log_prob:.2}", opabinia_engine::printable::line(text));
        let spoken = format!("Sampler after decoder layer {} · after · {written}", sampler.layer);
        assert!(says(&window, &spoken), "{spoken}");
    }
    // Another cell is another reading; the padding has none.
    let pane = window.state().state().pane().id;
    window.state_mut().act(ViewAction::Hover(Some((pane, Cell { row: 0, col: 0 }))));
    window.run_ok();
    assert!(says(&window, "This cell lies in the padding"), "wide.png leaves the first row empty");
}

#[test]
fn checks_by_shuffling_are_the_engine_s_numbers_and_are_made_again() {
    let mut window = answered("tiny-phi3", "square.png", SIZE);
    panel(&mut window);
    act(&mut window, EvidenceAction::ShowSection(Section::Checks));
    wait_for(&mut window, EvidencePart::Checks);
    window.run_ok();
    let app = window.state();
    let also = Also {
        seen_under: Shuffled::Weights.several(SHUFFLES),
        scored: Shuffled::Attention.several(SHUFFLES),
        ..Also::default()
    };
    let own = by_the_engine(app, also);
    let (known, texts) = (findings(app), app.texts());
    let (maps, expected) = (known.map_checks(), own.map_checks());
    assert_eq!(maps.iter().map(|check| check.measure).collect::<Vec<_>>(), MAPS);
    for (check, expected) in maps.iter().zip(&expected) {
        // Ranks of numbers that are nearly equal may change places.
        let (got, expected) = (check.agreement, expected.agreement);
        assert!((got.mean - expected.mean).abs() < 1e-2 && got.count == SHUFFLES, "{:?}: {got:?}", check.measure);
        let name = texts.evidence_panel.measure_words(check.measure).0;
        let written = format!(
            "{name} · {}: {} ({} … {})",
            texts.evidence_further.checks_maps[1].0,
            signed(got.mean),
            signed(got.low),
            signed(got.high)
        );
        assert!(says(&window, &written), "{written}");
        assert!(says(&window, texts.evidence_further.map_says(check.says()).0));
    }
    for shuffled in Shuffled::ALL {
        let (got, expected) = (known.answer_check(shuffled, None).unwrap(), own.answer_check(shuffled, None).unwrap());
        assert!((got.delta.mean - expected.delta.mean).abs() < 2e-4 && got.delta.count == SHUFFLES);
        let name = texts.evidence_further.shuffled(shuffled).0;
        assert!(says(&window, &format!("{name} · Δ log p: {}", signed(got.delta.mean))));
        if shuffled == Shuffled::Attention {
            let (matters, nothing) = texts.evidence_further.attention_matters;
            assert!(says(&window, if got.costs() { matters } else { nothing }));
        }
    }
    made_again(&mut window, "tiny-phi3", &[(EvidenceFile::Numbers, "csv"), (EvidenceFile::Svg, "svg")]);
}

/// What is written of each kind is written again from a recipe, byte for byte; gives the folder with all of it.
fn made_again(window: &mut Harness<'_, App>, variant: &str, kinds: &[(EvidenceFile, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let recipe = path("e.recipe.json");
    export(window, EvidenceFile::Recipe, &recipe);
    let model = checkpoint(variant);
    for (kind, ending) in kinds {
        let (first, again) = (path(&format!("e.{ending}")), path(&format!("again.{ending}")));
        export(window, *kind, &first);
        let arguments = ["-m", &model, "--recipe", recipe.to_str().unwrap(), "-o", again.to_str().unwrap()];
        let (made, message) = run(&arguments);
        assert!(made, "{message}");
        assert!(std::fs::read(&first).unwrap() == std::fs::read(&again).unwrap(), "{ending}: another file");
    }
    folder
}

/// The files of evidence in a data directory.
fn kept(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory.join("evidence")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Closes the window, and opens it again with the same session.
fn restarted(window: Harness<'static, App>, directory: &Path) -> Harness<'static, App> {
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    let mut window = open(start(directory), SIZE);
    wait(&mut window, "the model of last time", |app| app.state().models.loaded(Slot::A).is_some());
    wait(&mut window, "the picture", |app| {
        app.state().picture().is_some_and(|picture| app.state().pictures.ready(picture).is_some())
    });
    window
}

#[test]
fn what_was_measured_survives_a_restart_and_is_not_measured_again() {
    let directory = tempfile::tempdir().unwrap();
    let begin =
        Start { model: Some(checkpoint("tiny-phi3")), image: Some(image("square.png")), ..start(directory.path()) };
    let mut window = open(begin, SIZE);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ConversationAction::SetDraft("What is this?".to_owned()));
    window.state_mut().act(ConversationAction::Ask);
    wait(&mut window, "the answer", |app| !app.state().is_busy() && app.state().trace().is_some());
    panel(&mut window);
    wait_for(&mut window, EvidencePart::Encoders);
    wait_for(&mut window, EvidencePart::Gradient(GradientOf::Answer));
    act(&mut window, EvidenceAction::ShowSection(Section::Checks));
    wait_for(&mut window, EvidencePart::Checks);
    wait(&mut window, "the file", |_| kept(directory.path()).len() == 1);
    let before = findings(window.state()).evidence().clone();

    let mut again = restarted(window, directory.path());
    wait(&mut again, "what was kept", |app| {
        let recall = app.state().evidence_shown().and_then(|known| known.recall());
        matches!(recall, Some(Recall::Done(Some(_))))
    });
    let measuring = |app: &App| app.state().jobs.find(|purpose| matches!(purpose, Purpose::Evidence(..))).is_some();
    for part in [EvidencePart::Encoders, EvidencePart::Gradient(GradientOf::Answer), EvidencePart::Checks] {
        assert_eq!(state_of(again.state(), part), Some(PartState::Done), "{part:?}");
    }
    assert!(!measuring(again.state()), "it is measured again");
    let after = findings(again.state()).evidence();
    assert_eq!((&after.base, &after.effects, &after.means), (&before.base, &before.effects, &before.means));
    assert_eq!((&after.gradients, &after.games), (&before.gradients, &before.games));
    assert_eq!(after.seen_under, before.seen_under);
    // It goes on from there: with what is not kept, and with files that are made again.
    act(&mut again, EvidenceAction::ShowSection(Section::Features));
    wait_for(&mut again, EvidencePart::Features);
    act(&mut again, EvidenceAction::ShowSection(Section::Encoders));
    made_again(&mut again, "tiny-phi3", &[(EvidenceFile::Numbers, "csv"), (EvidenceFile::Png, "png")]);

    // What is damaged is measured again, and says nothing.
    let [file] = &kept(directory.path())[..] else { panic!("one answer, one file") };
    std::fs::write(file, "{\"opabinia_evidence\": 1, \"parts\": [\"layers\"]").unwrap();
    let mut damaged = restarted(again, directory.path());
    // What is asked for while the file is being read is measured after that.
    damaged.state_mut().act(EvidenceAction::Measure(EvidencePart::Layers));
    wait_for(&mut damaged, EvidencePart::Encoders);
    wait_for(&mut damaged, EvidencePart::Layers);
    let known = findings(damaged.state());
    assert_eq!(known.evidence().base, before.base);
    let layers: Vec<_> = known.anatomy().layers().collect();
    assert!(layers.into_iter().all(|layer| known.layer(layer, LayerColumn::Skip, None).is_some()));
}

#[test]
fn a_checkpoint_without_samplers_has_no_lens_and_says_so() {
    let mut window = answered("tiny-vicuna", "square.png", SIZE);
    panel(&mut window);
    act(&mut window, EvidenceAction::ShowSection(Section::Lens));
    wait_for(&mut window, EvidencePart::Lens);
    window.run_ok();
    assert!(says(&window, window.state().texts().evidence_further.lens_none));
    assert!(findings(window.state()).evidence().lens.is_none());
    // Nothing else is lost with it.
    act(&mut window, EvidenceAction::ShowSection(Section::Encoders));
    wait_for(&mut window, EvidencePart::Encoders);
}

/// What the engine says of a gradient that does not fit stands under the numbers that do, in the words of the window.
#[test]
fn a_gradient_that_does_not_fit_is_said_and_nothing_is_lost() {
    let mut window = answered("tiny-phi3", "square.png", SIZE);
    panel(&mut window);
    wait_for(&mut window, EvidencePart::Encoders);
    wait_for(&mut window, EvidencePart::Gradient(GradientOf::Answer));
    let effects = findings(window.state()).evidence().effects.len();
    let (key, _) = window.state().state().evidence_about().unwrap();
    let why = "no gradients: the gradient through 700 positions takes 90.0 GB, and 20.0 GB are available";
    let known = window.state_mut().state_mut().evidence.get_mut(key).unwrap();
    known.add(Finding::Note(why.to_owned()));
    window.run_ok();
    assert!(says(&window, why));
    window.state_mut().act(ProgramAction::SetLanguage(LanguageChoice::Chinese));
    window.run_ok();
    assert!(says(&window, "没有梯度：经过 700 个位置的梯度需要 90.0 GB，可用 20.0 GB"));
    assert_eq!(findings(window.state()).evidence().effects.len(), effects);
}
