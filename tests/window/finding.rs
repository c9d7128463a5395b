//! What a new user looks for: in menus, in the palette, in help, in tips and titles.

use crate::harness::{open, shot, wait};
use crate::inspecting::{answered, show};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable};
use opabinia::language::{Language, LanguageChoice};
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ProgramAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::palette::{Entry, found};
use opabinia::window::state::{HelpPage, InspectorTab, MapSource, Overlay, Slot, TokenPlace, ViewChange};
use opabinia::window::theme::ThemeChoice;
use opabinia::window::view_controls::{self, ControlGroup};
use opabinia_shaders::{ColourMap, Indices, Normalisation, Quantity, Reduction};

/// The window with maps in it, at its default size.
fn asked() -> Harness<'static, App> {
    let window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    // What a random model answers is in many scripts, and beside the point here.
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    window
}

fn palette(window: &mut Harness<'_, App>, text: &str) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.run_ok();
    let field = window.state().texts().program.palette;
    window.get_by_label(field).type_text(text);
    window.run_ok();
    window.key_press(Key::Enter);
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None, "“{text}” left the palette open");
}

#[test]
fn the_palette_reaches_every_control_of_the_view_in_both_languages() {
    let mut window = asked();
    let view = |window: &Harness<'_, App>| window.state().state().lens().clone();
    palette(&mut window, "entropy");
    assert_eq!(view(&window).quantity, Quantity::Entropy);
    palette(&mut window, "归一化熵");
    assert_eq!(view(&window).quantity, Quantity::NormalisedEntropy);
    palette(&mut window, "quantity lift");
    assert_eq!(view(&window).quantity, Quantity::Lift);
    palette(&mut window, "grey photo");
    assert!(!view(&window).grey_photo);
    palette(&mut window, "dinov2");
    assert_eq!(view(&window).encoder, 2);
    palette(&mut window, "layers: c2");
    assert_eq!(view(&window).layers, Indices::one(1));
    palette(&mut window, "heads: 7");
    assert_eq!(view(&window).heads, Indices::one(7));
    palette(&mut window, "reduction max");
    assert_eq!(view(&window).reduction, Reduction::Max);
    palette(&mut window, "magma");
    assert_eq!(view(&window).colour_map, Some(ColourMap::Magma));
    palette(&mut window, "each its own");
    assert_eq!(view(&window).normalisation, Normalisation::PerMap);
    palette(&mut window, "opacity: 25");
    assert!((view(&window).opacity - 0.25).abs() < 1e-6);
    palette(&mut window, "input: siglip");
    assert_eq!(view(&window).input_of, Some(0));
    window.state_mut().act(ProgramAction::SetLanguage(LanguageChoice::Chinese));
    window.run_ok();
    palette(&mut window, "提升度");
    assert_eq!(view(&window).quantity, Quantity::Lift);
    palette(&mut window, "发散");
    assert_eq!(view(&window).colour_map, Some(ColourMap::Diverging));
    palette(&mut window, "colour map: viridis");
    assert_eq!(view(&window).colour_map, Some(ColourMap::Viridis));
    // No group is without a choice, and every choice changes the view or is the one that is chosen.
    let state = window.state().state();
    for language in [Language::English, Language::Chinese] {
        let all = view_controls::all(state, language.texts());
        for group in ControlGroup::ALL {
            assert!(all.iter().any(|control| control.group == group), "{group:?} is empty");
        }
        for control in &all {
            let (name, tip) = Entry::Control(control.clone()).words(language);
            assert!(!tip.is_empty(), "{name} says nothing");
            let listed = found(&name, language, state);
            assert_eq!(listed.first(), Some(&Entry::Control(control.clone())), "“{name}” finds something else");
        }
    }
}

#[test]
fn menus_have_lines_and_check_marks_and_the_view_s_controls() {
    let mut window = asked();
    let wide = |window: &mut Harness<'static, App>, menu: &str| {
        window.get_by_label(menu).click();
        window.run_ok();
    };
    wide(&mut window, "View");
    shot(&mut window, "menu-view");
    let toggled = |window: &Harness<'static, App>, name: &str| {
        window.get_by_label(name).accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
    };
    let grid = |window: &Harness<'static, App>| {
        let all = window.get_all_by_label_contains("Query grid");
        all.map(|node| node.accesskit_node().toggled()).next().unwrap()
    };
    assert_eq!(grid(&window), Some(egui::accesskit::Toggled::False));
    window.get_by_label_contains("Query grid").click();
    window.run_ok();
    assert!(window.state().state().lens().grid);
    wide(&mut window, "View");
    assert_eq!(grid(&window), Some(egui::accesskit::Toggled::True));
    window.get_by_label("Quantity").click();
    window.run_ok();
    shot(&mut window, "menu-quantity");
    assert!(toggled(&window, "Quantity: Lift") && !toggled(&window, "Quantity: Share"));
    window.get_by_label("Quantity: Share").click();
    window.run_ok();
    assert_eq!(window.state().state().lens().quantity, Quantity::Share);
    for (menu, name) in [("File", "menu-file"), ("Help", "menu-help")] {
        wide(&mut window, menu);
        shot(&mut window, name);
        window.key_press(Key::Escape);
        window.run_ok();
    }
}

#[test]
fn help_explains_the_maps_and_lists_every_key() {
    let mut window = open(Start::default(), [1024.0, 640.0]);
    window.run_ok();
    window.key_press(Key::F1);
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::Help(HelpPage::Guide));
    window.get_by_label("What attention may claim");
    shot(&mut window, "guide");
    window.get_by_label("Glossary").click();
    window.run_ok();
    window.get_by_label("Connector layer (C)");
    shot(&mut window, "glossary");
    window.get_by_label("Keyboard shortcuts").click();
    window.run_ok();
    shot(&mut window, "shortcuts");
    for command in UiCommand::ALL.iter().filter(|command| command.shortcut().is_some()) {
        let name = command.words(Language::English).0;
        let keys = window.ctx.format_shortcut(&command.shortcut().unwrap());
        assert!(window.query_all_by_label(name).next().is_some(), "{name} is not listed");
        assert!(window.query_all_by_label(&keys).next().is_some(), "{keys} are not listed");
    }
    window.state_mut().act(ProgramAction::SetLanguage(LanguageChoice::Chinese));
    for (page, name) in [(UiCommand::Guide, "guide-zh"), (UiCommand::Glossary, "glossary-zh")] {
        window.state_mut().act(page);
        window.run_ok();
        shot(&mut window, name);
    }
    window.key_press(Key::Escape);
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None);
}

#[test]
fn chips_say_what_they_are_and_c_and_s_are_explained() {
    let mut window = asked();
    let labels = window.state().state().trace().unwrap().trace.layers.clone();
    let connectors = labels.iter().filter(|layer| layer.label.starts_with('C')).count();
    let sampler = labels.iter().find(|layer| layer.label.starts_with('S')).unwrap().label.clone();
    // The kinds of layers are named before their chips.
    window.get_by_label("Connector");
    window.get_by_label("Sampler");
    let hover = |window: &mut Harness<'static, App>, name: &str| {
        window.get_by_label(name).hover();
        window.run_ok();
        // Tips come after a while.
        for _ in 0..60 {
            window.step();
        }
    };
    hover(&mut window, "Layer C1");
    window.get_by_label_contains(&format!("SVA connector layer 1 of {connectors}"));
    shot(&mut window, "tip-layer");
    hover(&mut window, &format!("Layer {sampler}"));
    window.get_by_label_contains(&format!("SVA sampler layer after decoder layer {}", &sampler[1..]));
    hover(&mut window, "Head 5");
    window.get_by_label_contains("Attention head 5");
    // The inspector, where layers are rows, says it in words.
    window.state_mut().act(ViewChange::Select(Some(opabinia_shaders::Cell { row: 2, col: 3 })));
    show(&mut window, InspectorTab::Cell);
    window.get_by_label_contains("S: SVA sampler layers, between its layers.");
}

#[test]
fn selecting_a_token_moves_nothing_and_its_map_has_its_name() {
    let mut window = asked();
    // After an answer its first token is selected.
    window.state_mut().act(ConversationAction::SelectToken(None));
    window.run_ok();
    let map = |window: &Harness<'static, App>| window.get_by_label("Map").rect();
    let before = map(&window);
    let disabled = window.get_by_label("Selected token").accesskit_node().is_disabled();
    assert!(disabled, "there is no token yet");
    let shown = window.state().state().conversations.current().unwrap();
    let place = TokenPlace { conversation: shown.id, exchange: shown.leaf.unwrap(), token: 1 };
    window.state_mut().act(ConversationAction::SelectToken(Some(place)));
    window.run_ok();
    assert_eq!(map(&window), before, "the maps have moved");
    // A text that every font has.
    window.state_mut().state_mut().conversations.shown().exchanges.get_mut(0).unwrap().tokens[1].text = " three".into();
    window.run_ok();
    window.get_by_label("Selected token").click();
    wait(&mut window, "the token's map", |app| !app.state().is_busy() && app.maps().is_some());
    window.get_by_label("Selected token “ three”");
    // Its decoder layer and head are chosen above the map.
    window.get_by_label("Layer 1").click();
    window.run_ok();
    assert_eq!(window.state().state().pane().source, MapSource::TokenAttention { layer: Some(1), head: None });
    window.get_by_label("Head All");
    window.get_by_label("Decoder layer 1 · mean of all heads");
    shot(&mut window, "token-map");
}

#[test]
fn nothing_is_cut_or_covered_where_everything_is_twice_as_large() {
    let mut window = asked();
    window.state_mut().act(ProgramAction::SetScale(2.0));
    for _ in 0..4 {
        window.step();
    }
    for tab in [InspectorTab::Cell, InspectorTab::Token, InspectorTab::Table, InspectorTab::Model] {
        show(&mut window, tab);
        let screen = window.ctx.content_rect();
        for name in ["Cell", "Token", "Table", "Model"] {
            let rect =
                window.get_all_by_label(name).map(|node| node.rect()).max_by(|a, b| a.left().total_cmp(&b.left()));
            assert!(screen.contains_rect(rect.unwrap()), "{name} is cut: {rect:?} in {screen:?}");
        }
        shot(&mut window, &format!("scale-2-{tab:?}"));
        if tab == InspectorTab::Token {
            // What stands beside its bar elsewhere is below it.
            let button = window.get_all_by_label_contains("Continue: ").next().unwrap().rect();
            assert!(button.right() <= screen.right() - 12.0, "{button:?} in {screen:?}");
        }
    }
}

#[test]
fn the_scroll_bar_of_the_inspector_covers_nothing() {
    let mut window = asked();
    window.state_mut().act(ViewAction::ShowInspector(InspectorTab::Model));
    window.run_ok();
    // Facts wrap before the bar begins, and their names are whole.
    let pane = window.get_by_label("Sampler layers").rect();
    let value = window.get_by_label_contains("after decoder layers").rect();
    let screen = window.ctx.content_rect();
    assert!(pane.width() > 60.0 && value.right() <= screen.right() - 12.0 - 10.0, "{value:?} in {screen:?}");
    let model = window.state().state().models.loaded(Slot::A).unwrap();
    assert_eq!(model.encoder_names, ["SigLIP", "CLIP", "DINOv2", "ConvNeXt"]);
    shot(&mut window, "model");
}

#[test]
fn what_a_figure_s_width_is_stands_apart_from_the_widths_offered() {
    let mut window = asked();
    window.state_mut().act(UiCommand::ExportPicture);
    window.run_ok();
    for offered in ["640 px", "960 px", "1920 px"] {
        assert!(window.query_all_by_label(offered).next().is_some(), "{offered}");
    }
    let field = window.get_by_label("or").rect();
    let last = window.get_all_by_label("1920 px").next().unwrap().rect();
    assert!(last.right() < field.left(), "the field comes last, behind a word of its own");
    shot(&mut window, "export");
}

#[test]
fn the_note_on_shares_is_whole_at_the_smallest_size_in_both_languages_and_themes() {
    let mut window = answered("tiny-llama3", "wide.png", [1024.0, 640.0]);
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    window.state_mut().act(ViewChange::Select(Some(opabinia_shaders::Cell { row: 2, col: 3 })));
    let looks = [
        (LanguageChoice::English, ThemeChoice::Dark, "en-dark"),
        (LanguageChoice::English, ThemeChoice::Light, "en-light"),
        (LanguageChoice::Chinese, ThemeChoice::Dark, "zh-dark"),
        (LanguageChoice::Chinese, ThemeChoice::Light, "zh-light"),
    ];
    for (language, theme, name) in looks {
        window.state_mut().act(ProgramAction::SetLanguage(language));
        window.state_mut().act(ProgramAction::SetTheme(theme));
        for quantity in [Quantity::Share, Quantity::Dominant] {
            window.state_mut().act(ViewChange::Quantity(quantity));
            window.step();
            window.render().unwrap();
            window.step();
            if quantity == Quantity::Share {
                let evidence = &window.state().texts().evidence;
                let whole = format!("{} {}", evidence.uniform("ConvNeXt", 16.0 / 19.0), evidence.sva);
                let note = window.get_by_label(&whole).rect();
                let button = window.get_by_label(evidence.show_lift).rect();
                assert!(note.height() > 20.0, "it wraps instead of being cut: {note:?}");
                assert!(note.right() <= button.left(), "{note:?} {button:?}");
                assert!(note.bottom() <= window.ctx.content_rect().bottom(), "{note:?}");
            }
            shot(&mut window, &format!("small-{name}-{quantity:?}"));
        }
    }
}
