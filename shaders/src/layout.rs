//! The Rust side of `wgsl/shared.wgsl` and of what the passes are told: constants and structs with the same bytes.
//!
//! **No branch and no loop depends on a uniform.** Mesa's software Vulkan (22.3, and others of its age) compiles a shader
//! where one does anew, for the uniform's values, each time that one is bound, and keeps every such copy: 0.9 MB and 5 ms
//! for each map of each frame. So the compute passes read what they are told from storage buffers, and the triangle hands
//! to the pixels what is to be drawn. All else that pixels are told is a uniform: where a block of pixels is not wholly
//! covered, that driver takes the level of a texture from a pixel beside it, which sees nothing but zeros in a storage
//! buffer. `tests/soak.rs` watches over the one, `tests/window.rs` over the other.

use bytemuck::{Pod, Zeroable};

/// The source of each shader, with the shared part in front.
pub(crate) mod wgsl {
    macro_rules! with_shared {
        ($file:literal) => {
            concat!(include_str!("../wgsl/shared.wgsl"), include_str!(concat!("../wgsl/", $file)))
        };
    }
    pub(crate) const REDUCE: &str = with_shared!("reduce.wgsl");
    pub(crate) const SCALE: &str = with_shared!("scale.wgsl");
    pub(crate) const DIFFERENCE: &str = with_shared!("difference.wgsl");
    pub(crate) const BLEND: &str = with_shared!("blend.wgsl");
}

/// The most encoders a trace can have.
pub const MAX_ENCODERS: usize = 8;
/// The most SVA layers a trace can have.
pub const MAX_LAYERS: usize = 128;
/// The most heads a layer can have.
pub const MAX_HEADS: usize = 128;
/// Stands for log₂(0) in lift: a share that rounded to nothing.
pub const LIFT_FLOOR: f32 = -24.0;

/// Entries of a colour map's table.
pub(crate) const COLOURS: usize = 256;
/// Invocations of a workgroup of `reduce` and `difference`.
pub(crate) const WORKGROUP: u32 = 64;

pub(crate) const QUANTITY_SHARE: u32 = 0;
pub(crate) const QUANTITY_LIFT: u32 = 1;
pub(crate) const QUANTITY_ENTROPY: u32 = 2;
pub(crate) const QUANTITY_NORMALISED_ENTROPY: u32 = 3;
pub(crate) const QUANTITY_DOMINANT: u32 = 4;
pub(crate) const REDUCTION_MEAN: u32 = 0;
pub(crate) const REDUCTION_MAX: u32 = 1;
pub(crate) const NORMALISE_PER_MAP: u32 = 0;
pub(crate) const NORMALISE_COMMON: u32 = 1;
pub(crate) const NORMALISE_FIXED: u32 = 2;
/// Every state but the three below; only WGSL writes it.
#[cfg(test)]
pub(crate) const STATE_OUTSIDE: u32 = 0;
pub(crate) const STATE_VALUE: u32 = 1;
pub(crate) const STATE_PADDING: u32 = 2;
pub(crate) const STATE_MASKED: u32 = 3;
pub(crate) const DRAW_PHOTO: u32 = 1;
pub(crate) const DRAW_GREY_PHOTO: u32 = 2;
pub(crate) const DRAW_OUTLINE: u32 = 4;
pub(crate) const DRAW_HOVER: u32 = 8;
pub(crate) const DRAW_RULED_CELLS: u32 = 16;
pub(crate) const DRAW_RULED_TOKENS: u32 = 32;
pub(crate) const DRAW_CATEGORIES: u32 = 64;
pub(crate) const DRAW_BILINEAR: u32 = 128;
pub(crate) const DRAW_DECODED: u32 = 256;

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct Texel {
    pub(crate) value: f32,
    pub(crate) state: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct Scale {
    pub(crate) low: f32,
    pub(crate) high: f32,
    pub(crate) valued: u32,
    pub(crate) unused: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(crate) struct EncoderInfo {
    pub(crate) side: u32,
    pub(crate) unused: [u32; 3],
    pub(crate) photo: [u32; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct TraceInfo {
    pub(crate) layers: u32,
    pub(crate) heads: u32,
    pub(crate) encoders: u32,
    pub(crate) unused: u32,
    pub(crate) encoder: [EncoderInfo; MAX_ENCODERS],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(crate) struct LayerInfo {
    pub(crate) side: u32,
    pub(crate) origin_row: u32,
    pub(crate) origin_col: u32,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) keys: u32,
    pub(crate) probs_start: u32,
    pub(crate) mask_start: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(crate) struct ViewInfo {
    pub(crate) layer_bits: [u32; 4],
    pub(crate) head_bits: [u32; 4],
    pub(crate) quantity: u32,
    pub(crate) reduction: u32,
    pub(crate) tokens: u32,
    pub(crate) cell_side: u32,
    pub(crate) slots: u32,
    pub(crate) slot_stride: u32,
    pub(crate) focused: u32,
    pub(crate) focus_row: u32,
    pub(crate) focus_col: u32,
    pub(crate) normalisation: u32,
    pub(crate) symmetric: u32,
    pub(crate) unused: u32,
    pub(crate) fixed_low: f32,
    pub(crate) fixed_high: f32,
    pub(crate) unused_floats: [f32; 2],
}

/// What `wgsl/blend.wgsl` is told; its fields are described there.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
pub(crate) struct PaintInfo {
    pub(crate) shown: [f32; 4],
    pub(crate) photo: [f32; 4],
    pub(crate) outline: [f32; 4],
    pub(crate) hover: [f32; 4],
    pub(crate) background: [f32; 4],
    pub(crate) target_origin: [f32; 2],
    pub(crate) line_px: f32,
    pub(crate) opacity: f32,
    pub(crate) slot: u32,
    pub(crate) slot_start: u32,
    pub(crate) side: u32,
    pub(crate) colour_row: u32,
    pub(crate) photo_level: u32,
    pub(crate) drawn: u32,
    pub(crate) ruled_cells: f32,
    pub(crate) ruled_tokens: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const SHADERS: [(&str, &str); 4] =
        [("reduce", wgsl::REDUCE), ("scale", wgsl::SCALE), ("difference", wgsl::DIFFERENCE), ("blend", wgsl::BLEND)];

    fn parsed(name: &str, source: &str) -> naga::Module {
        naga::front::wgsl::parse_str(source)
            .unwrap_or_else(|error| panic!("{name}.wgsl: {}", error.emit_to_string(source)))
    }

    #[test]
    fn every_shader_is_valid() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wgsl")).unwrap().count();
        assert_eq!(files, SHADERS.len() + 1, "a file of wgsl/ is not in this test");
        for (name, source) in SHADERS {
            let module = parsed(name, source);
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{name}.wgsl: {}", error.emit_to_string(source)));
            assert!(!module.entry_points.is_empty(), "{name}.wgsl has no entry point");
        }
    }

    #[test]
    fn constants_are_the_same_in_wgsl_and_rust() {
        let module = parsed("reduce", wgsl::REDUCE);
        let in_wgsl: HashMap<String, f64> = module
            .constants
            .iter()
            .filter_map(|(_, constant)| {
                let value = match &module.global_expressions[constant.init] {
                    naga::Expression::Literal(naga::Literal::U32(value)) => f64::from(*value),
                    naga::Expression::Literal(naga::Literal::F32(value)) => f64::from(*value),
                    _ => return None,
                };
                Some((constant.name.clone()?, value))
            })
            .collect();
        let in_rust = [
            ("QUANTITY_SHARE", f64::from(QUANTITY_SHARE)),
            ("QUANTITY_LIFT", f64::from(QUANTITY_LIFT)),
            ("QUANTITY_ENTROPY", f64::from(QUANTITY_ENTROPY)),
            ("QUANTITY_NORMALISED_ENTROPY", f64::from(QUANTITY_NORMALISED_ENTROPY)),
            ("QUANTITY_DOMINANT", f64::from(QUANTITY_DOMINANT)),
            ("REDUCTION_MEAN", f64::from(REDUCTION_MEAN)),
            ("REDUCTION_MAX", f64::from(REDUCTION_MAX)),
            ("NORMALISE_PER_MAP", f64::from(NORMALISE_PER_MAP)),
            ("NORMALISE_COMMON", f64::from(NORMALISE_COMMON)),
            ("NORMALISE_FIXED", f64::from(NORMALISE_FIXED)),
            ("STATE_OUTSIDE", f64::from(STATE_OUTSIDE)),
            ("STATE_VALUE", f64::from(STATE_VALUE)),
            ("STATE_PADDING", f64::from(STATE_PADDING)),
            ("STATE_MASKED", f64::from(STATE_MASKED)),
            ("DRAW_PHOTO", f64::from(DRAW_PHOTO)),
            ("DRAW_GREY_PHOTO", f64::from(DRAW_GREY_PHOTO)),
            ("DRAW_OUTLINE", f64::from(DRAW_OUTLINE)),
            ("DRAW_HOVER", f64::from(DRAW_HOVER)),
            ("DRAW_RULED_CELLS", f64::from(DRAW_RULED_CELLS)),
            ("DRAW_RULED_TOKENS", f64::from(DRAW_RULED_TOKENS)),
            ("DRAW_CATEGORIES", f64::from(DRAW_CATEGORIES)),
            ("DRAW_BILINEAR", f64::from(DRAW_BILINEAR)),
            ("DRAW_DECODED", f64::from(DRAW_DECODED)),
            ("LIFT_FLOOR", f64::from(LIFT_FLOOR)),
            ("LARGEST", f64::from(f32::MAX)),
            ("MAX_ENCODERS", MAX_ENCODERS as f64),
            ("COLOURS", COLOURS as f64),
        ];
        assert_eq!(in_wgsl, in_rust.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect());
    }

    #[test]
    fn structs_have_the_same_layout_in_wgsl_and_rust() {
        let in_rust: [(&str, &str, usize, &[usize]); 7] = [
            ("Texel", wgsl::REDUCE, size_of::<Texel>(), &[0, 4]),
            ("Scale", wgsl::REDUCE, size_of::<Scale>(), &[0, 4, 8, 12]),
            ("Encoder", wgsl::REDUCE, size_of::<EncoderInfo>(), &[0, 4, 8, 12, 16]),
            ("TraceInfo", wgsl::REDUCE, size_of::<TraceInfo>(), &[0, 4, 8, 12, 16]),
            ("Layer", wgsl::REDUCE, size_of::<LayerInfo>(), &[0, 4, 8, 12, 16, 20, 24, 28]),
            (
                "View",
                wgsl::REDUCE,
                size_of::<ViewInfo>(),
                &[0, 16, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92],
            ),
            (
                "Paint",
                wgsl::BLEND,
                size_of::<PaintInfo>(),
                &[0, 16, 32, 48, 64, 80, 88, 92, 96, 100, 104, 108, 112, 116, 120, 124],
            ),
        ];
        for (name, source, size, offsets) in in_rust {
            let module = parsed(name, source);
            let (_, found) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
            let naga::TypeInner::Struct { members, span } = &found.inner else { panic!("{name} is no struct") };
            assert_eq!(*span as usize, size, "size of {name}");
            let found: Vec<usize> = members.iter().map(|member| member.offset as usize).collect();
            assert_eq!(found, offsets, "offsets of {name}");
        }
        assert_eq!(std::mem::offset_of!(PaintInfo, slot), 96);
        assert_eq!(std::mem::offset_of!(PaintInfo, ruled_tokens), 124);
        assert_eq!(std::mem::offset_of!(ViewInfo, fixed_low), 80);
        assert_eq!(std::mem::offset_of!(TraceInfo, encoder), 16);
        assert_eq!(std::mem::offset_of!(EncoderInfo, photo), 16);
    }
}
