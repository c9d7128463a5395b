//! Colours and spacing of the window.

use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Stroke, Style, TextStyle, Theme, ThemePreference, vec2,
};
use serde::{Deserialize, Serialize};

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl ThemeChoice {
    /// As egui calls it.
    pub fn preference(self) -> ThemePreference {
        match self {
            Self::System => ThemePreference::System,
            Self::Light => ThemePreference::Light,
            Self::Dark => ThemePreference::Dark,
        }
    }
}

/// Colours of one theme.
struct Palette {
    /// Behind everything.
    ground: Color32,
    /// Panels.
    panel: Color32,
    /// What lies on panels: fields, cards.
    raised: Color32,
    /// Widgets at rest.
    widget: Color32,
    /// Widgets under the pointer.
    widget_hovered: Color32,
    /// Lines between things.
    line: Color32,
    /// Text.
    text: Color32,
    /// Text that matters less.
    text_weak: Color32,
    /// What can be done and what is chosen.
    accent: Color32,
    /// Behind what is chosen.
    selection: Color32,
    /// What to be careful about.
    warning: Color32,
    /// What went wrong.
    error: Color32,
}

const fn grey(value: u8) -> Color32 {
    Color32::from_gray(value)
}

const DARK: Palette = Palette {
    ground: Color32::from_rgb(19, 20, 23),
    panel: Color32::from_rgb(25, 27, 31),
    raised: Color32::from_rgb(33, 35, 40),
    widget: Color32::from_rgb(42, 45, 51),
    widget_hovered: Color32::from_rgb(54, 58, 66),
    line: Color32::from_rgb(48, 51, 58),
    text: Color32::from_rgb(222, 224, 228),
    text_weak: Color32::from_rgb(148, 153, 163),
    accent: Color32::from_rgb(94, 174, 216),
    selection: Color32::from_rgb(38, 73, 95),
    warning: Color32::from_rgb(226, 174, 84),
    error: Color32::from_rgb(235, 110, 105),
};

const LIGHT: Palette = Palette {
    ground: Color32::from_rgb(238, 239, 241),
    panel: Color32::from_rgb(248, 248, 250),
    raised: grey(255),
    widget: Color32::from_rgb(232, 234, 238),
    widget_hovered: Color32::from_rgb(220, 224, 230),
    line: Color32::from_rgb(216, 219, 225),
    text: Color32::from_rgb(31, 34, 40),
    text_weak: Color32::from_rgb(98, 104, 115),
    accent: Color32::from_rgb(16, 104, 156),
    selection: Color32::from_rgb(200, 226, 242),
    warning: Color32::from_rgb(148, 92, 0),
    error: Color32::from_rgb(178, 38, 36),
};

/// Gives both themes their looks.
pub fn install(ctx: &Context) {
    ctx.set_style_of(Theme::Dark, style(egui::Visuals::dark(), &DARK));
    ctx.set_style_of(Theme::Light, style(egui::Visuals::light(), &LIGHT));
}

/// The colour of padding in maps and of what surrounds them, as sRGB.
pub fn map_background(dark: bool) -> [u8; 3] {
    let [r, g, b, _] = if dark { DARK.ground } else { LIGHT.ground }.to_array();
    [r, g, b]
}

fn style(mut visuals: egui::Visuals, colours: &Palette) -> Style {
    visuals.panel_fill = colours.panel;
    visuals.window_fill = colours.panel;
    visuals.extreme_bg_color = colours.raised;
    visuals.faint_bg_color = colours.ground;
    // Fields are sunk into panels and cards alike.
    visuals.text_edit_bg_color = Some(colours.ground);
    visuals.code_bg_color = colours.raised;
    visuals.hyperlink_color = colours.accent;
    visuals.warn_fg_color = colours.warning;
    visuals.error_fg_color = colours.error;
    visuals.window_stroke = Stroke::new(1.0, colours.line);
    visuals.selection.bg_fill = colours.selection;
    visuals.selection.stroke = Stroke::new(1.0, colours.text);
    visuals.weak_text_color = Some(colours.text_weak);
    let radius = CornerRadius::same(5);
    visuals.window_corner_radius = CornerRadius::same(9);
    visuals.menu_corner_radius = CornerRadius::same(7);
    let widgets = &mut visuals.widgets;
    for widget in [
        &mut widgets.noninteractive,
        &mut widgets.inactive,
        &mut widgets.hovered,
        &mut widgets.active,
        &mut widgets.open,
    ] {
        widget.corner_radius = radius;
        widget.fg_stroke = Stroke::new(1.0, colours.text);
        widget.bg_stroke = Stroke::NONE;
        widget.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, colours.line);
    widgets.noninteractive.bg_fill = colours.panel;
    widgets.noninteractive.weak_bg_fill = colours.panel;
    widgets.inactive.bg_fill = colours.widget;
    widgets.inactive.weak_bg_fill = colours.widget;
    for widget in [&mut widgets.hovered, &mut widgets.open] {
        widget.bg_fill = colours.widget_hovered;
        widget.weak_bg_fill = colours.widget_hovered;
    }
    widgets.active.bg_fill = colours.selection;
    widgets.active.weak_bg_fill = colours.selection;
    let mut style = Style { visuals, ..Style::default() };
    style.spacing.item_spacing = vec2(8.0, 6.0);
    style.spacing.button_padding = vec2(9.0, 4.0);
    style.spacing.interact_size.y = 24.0;
    style.spacing.menu_margin = egui::Margin::same(6);
    style.spacing.window_margin = egui::Margin::same(14);
    style.text_styles = [
        (TextStyle::Small, 11.5),
        (TextStyle::Body, 13.5),
        (TextStyle::Button, 13.5),
        (TextStyle::Heading, 18.0),
        (TextStyle::Monospace, 12.5),
    ]
    .into_iter()
    .map(|(name, size)| {
        let family = if name == TextStyle::Monospace { FontFamily::Monospace } else { FontFamily::Proportional };
        (name, FontId::new(size, family))
    })
    .collect();
    style
}
