//! What a token attended to in the image, as a figure: the language model's attention to each visual token.

use crate::figure::{Figure, Key, Panel, Scale};
use crate::map_figure::{Drawn, Error, Part};
use crate::number::significant;
use crate::recipe::FigureSettings;
use crate::value_grid::value_grid;
use opabinia_engine::probe::TokenAttention;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{Focus, Gpu, Look, MapRenderer, MapView, Quantity, Rect};

/// What the figure shows.
#[derive(Debug, Clone)]
pub struct TokenFigure<'a> {
    /// The attention of the token.
    pub attention: &'a TokenAttention,
    /// Attention to each visual token, of a layer and a head or a mean over them.
    pub values: &'a [f32],
    /// The decoder layer; `None` for the mean of all.
    pub layer: Option<usize>,
    /// The head; `None` for the mean of all.
    pub head: Option<usize>,
    /// The token's text, and its place in the answer from 1.
    pub token: (&'a str, usize),
    /// What was asked.
    pub question: &'a str,
    /// What people call the model.
    pub model: &'a str,
    /// The image that was asked about.
    pub picture: &'a Picture,
    /// What the image is called.
    pub picture_name: &'a str,
    /// How it is drawn; encoders, layers and heads of the SVA have no meaning here.
    pub settings: &'a FigureSettings,
}

impl TokenFigure<'_> {
    /// Draws.
    ///
    /// # Errors
    /// If the values are of another image, and whatever the graphics adapter fails with.
    pub fn draw(&self, gpu: &Gpu) -> Result<Drawn, Error> {
        let renderer = MapRenderer::headless(gpu)?;
        let photo = renderer.upload_photo(&self.picture.rgb, self.picture.width as u32, self.picture.height as u32)?;
        let grid = renderer.upload_grid(&value_grid("token", &self.attention.frame, self.values, self.picture)?)?;
        let view = MapView {
            focus: self.settings.cell.map_or(Focus::Whole, Focus::Outline),
            normalisation: self.settings.normalisation,
            ..MapView::of(Quantity::Share)
        };
        let maps = renderer.measure(&grid, &view)?;
        let shown = match self.settings.part {
            Part::Padded => Rect::SQUARE,
            Part::Picture => grid.photo_rect(),
            Part::Zoomed(rect) => rect,
        };
        let pixels =
            |part: f32| ((part / shown.width.max(shown.height) * self.settings.side as f32).round() as u32).max(1);
        let panel_size = (pixels(shown.width), pixels(shown.height));
        let look = Look {
            colour_map: self.settings.colour_map,
            opacity: self.settings.opacity,
            grey_photo: self.settings.grey_photo,
            filter: self.settings.filter,
            cell_grid: self.settings.grid,
            shown,
            background: self.settings.theme.padding(),
            line_px: self.settings.side as f32 / 500.0,
            ..Look::default()
        };
        let rgba = renderer.render_to_image(&maps, Some(&photo), 0, &look, panel_size.0, panel_size.1)?;
        let map = renderer.read_map(&maps, 0)?;
        let key = map.range.map_or(Key::InPanels, |(low, high)| {
            let label = format!("attention probability, from {} to {}", significant(low, 3), significant(high, 3));
            Key::Scale(Scale { colours: self.settings.colour_map.table().to_vec(), low, high, label })
        });
        let (token, place) = self.token;
        let figure = Figure {
            title: format!("What token {place}, “{}”, attended to in the image", token.trim()),
            subtitle: format!("{} on {}: {}", self.model, self.picture_name, self.question),
            panels: vec![Panel { title: String::new(), rgba, scale: None }],
            panel_size,
            key,
            caption: vec![
                format!(
                    "Each patch is one visual token; its colour is the attention that it received from the position at which \
                     the language model chose the token. {}.",
                    decoder_words(self.layer, self.head)
                ),
                "Evidence: attention (correlational): where the model attended, not how much it contributed.".into(),
            ],
            theme: self.settings.theme,
        };
        Ok(Drawn { figure, maps: vec![("token".to_owned(), map)] })
    }
}

/// Which layer and head of the language model that is, as a caption says it.
fn decoder_words(layer: Option<usize>, head: Option<usize>) -> String {
    let one = |what: &str, at: Option<usize>| at.map_or_else(|| format!("all {what}s"), |at| format!("{what} {at}"));
    let mean = if layer.is_some() && head.is_some() { "D" } else { "Mean over d" };
    format!("{mean}ecoder {} and {}", one("layer", layer), one("head", head))
}
