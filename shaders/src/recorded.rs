//! A recorded trace as the shaders take it.

use crate::error::{Error, Result};
use crate::trace::{Encoder, TokenRect, TraceData, TraceLayer};
use opabinia_trace::geometry::Frame;
use opabinia_trace::layer::HEADS;
use opabinia_trace::trace::Trace;
use std::ops::Range;

impl<'a> TraceData<'a> {
    /// `trace` with the names of encoders that people see. Probabilities and masks stay where they are.
    ///
    /// # Errors
    /// [`Error::Trace`] if a number in the trace is larger than anything that can be drawn.
    pub fn of(trace: &'a Trace, names: &[String]) -> Result<Self> {
        let encoders = trace.encoders.iter().zip(names).map(|(encoder, name)| {
            let photo = Frame::new(encoder.side, trace.picture);
            Ok(Encoder {
                name: name.clone(),
                side: number(encoder.side)?,
                photo: TokenRect { rows: range(&photo.rows)?, cols: range(&photo.columns)? },
            })
        });
        let layers = trace.layers.iter().map(|layer| {
            let (rows, cols) = layer.frame.size_hw();
            Ok(TraceLayer {
                label: layer.label.clone(),
                side: number(layer.frame.side)?,
                origin_row: number(layer.frame.rows.start)?,
                origin_col: number(layer.frame.columns.start)?,
                rows: number(rows)?,
                cols: number(cols)?,
                probs: &layer.probs,
                mask: &layer.mask,
            })
        });
        Ok(TraceData {
            heads: number(HEADS)?,
            encoders: encoders.collect::<Result<_>>()?,
            layers: layers.collect::<Result<_>>()?,
            image_width: number(trace.picture.width)?,
            image_height: number(trace.picture.height)?,
        })
    }
}

fn number(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| Error::Trace(format!("it speaks of {size}, which is too large to draw")))
}

fn range(of: &Range<usize>) -> Result<Range<u32>> {
    Ok(number(of.start)?..number(of.end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_trace::image::{Exif, PictureSize, PixelHash};
    use opabinia_trace::intervention::{Anatomy, Interventions};
    use opabinia_trace::trace::{TraceEncoder, TraceLayer as Recorded};

    #[test]
    fn samplers_lie_where_the_picture_is() {
        let picture = PictureSize { width: 160, height: 80 };
        let frame = Frame::new(6, picture);
        let trace = Trace {
            model: "m".into(),
            question: String::new(),
            interventions: Interventions::default(),
            picture,
            pixels: PixelHash::of(&[0; 160 * 80 * 3]),
            exif: Exif::Ignore,
            other: None,
            anatomy: Anatomy::from_parts(vec!["x".into()], Vec::new(), 6),
            encoders: vec![TraceEncoder { name: "x".into(), side: 24 }],
            layers: vec![Recorded {
                name: "vision_sampler_layers.0.layers.0".into(),
                label: "S0".into(),
                frame,
                keys: 16,
                probs: vec![1.0 / 16.0; 24 * HEADS * 16],
                mask: vec![1; 24 * 16],
            }],
        };
        let data = TraceData::of(&trace, &["short".to_owned()]).unwrap();
        let layer = &data.layers[0];
        assert_eq!((layer.origin_row, layer.origin_col, layer.rows, layer.cols), (1, 0, 4, 6));
        assert_eq!(data.encoders[0].photo, TokenRect { rows: 6..18, cols: 0..24 });
        assert_eq!(data.encoders[0].name, "short");
    }
}
