// What every pass shares: the numbers and the layouts of the buffers. Put in front of each of the other files.
//
// `src/layout.rs` holds the same on the Rust side; a test compares the constants and the sizes of the structs.

const QUANTITY_SHARE: u32 = 0u;
const QUANTITY_LIFT: u32 = 1u;
const QUANTITY_ENTROPY: u32 = 2u;
const QUANTITY_NORMALISED_ENTROPY: u32 = 3u;
const QUANTITY_DOMINANT: u32 = 4u;

const REDUCTION_MEAN: u32 = 0u;
const REDUCTION_MAX: u32 = 1u;

const NORMALISE_PER_MAP: u32 = 0u;
const NORMALISE_COMMON: u32 = 1u;
const NORMALISE_FIXED: u32 = 2u;

// What a texel of a map holds: nothing (outside of the map or of the cell in focus), a value, padding of the frame,
// or a place whose keys are all masked.
const STATE_OUTSIDE: u32 = 0u;
const STATE_VALUE: u32 = 1u;
const STATE_PADDING: u32 = 2u;
const STATE_MASKED: u32 = 3u;

// Stands for log2(0): a share that rounded to nothing.
const LIFT_FLOOR: f32 = -24.0;

// What is drawn of a map, as bits.
const DRAW_PHOTO: u32 = 1u;
const DRAW_GREY_PHOTO: u32 = 2u;
const DRAW_OUTLINE: u32 = 4u;
const DRAW_HOVER: u32 = 8u;
const DRAW_RULED_CELLS: u32 = 16u;
const DRAW_RULED_TOKENS: u32 = 32u;
const DRAW_CATEGORIES: u32 = 64u;
const DRAW_BILINEAR: u32 = 128u;
const DRAW_DECODED: u32 = 256u;

// The largest finite number.
const LARGEST: f32 = 3.4028234e38;

const MAX_ENCODERS: u32 = 8u;
const COLOURS: u32 = 256u;

struct Texel {
    value: f32,
    state: u32,
}

// The range of values that a map's colours span. `valued` is 0 when no texel of it has a value.
struct Scale {
    low: f32,
    high: f32,
    valued: u32,
    unused: u32,
}

// One encoder's token grid and the rectangle of its tokens that lies on the photo.
struct Encoder {
    side: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
    // First row, first column, row past the last, column past the last.
    photo: vec4<u32>,
}

struct TraceInfo {
    layers: u32,
    heads: u32,
    encoders: u32,
    unused: u32,
    encoder: array<Encoder, MAX_ENCODERS>,
}

// One SVA layer: the grid of cells it works on, the rectangle of them that it covers, and where its numbers start.
struct Layer {
    side: u32,
    origin_row: u32,
    origin_col: u32,
    rows: u32,
    cols: u32,
    keys: u32,
    probs_start: u32,
    mask_start: u32,
}

// What is measured. Maps of one view lie one after another, `slot_stride` texels apart.
struct View {
    layer_bits: vec4<u32>,
    head_bits: vec4<u32>,
    quantity: u32,
    reduction: u32,
    tokens: u32,
    cell_side: u32,
    slots: u32,
    slot_stride: u32,
    focused: u32,
    focus_row: u32,
    focus_col: u32,
    normalisation: u32,
    symmetric: u32,
    unused: u32,
    fixed_low: f32,
    fixed_high: f32,
    unused0: f32,
    unused1: f32,
}

fn has_bit(bits: vec4<u32>, index: u32) -> bool {
    return ((bits[index / 32u] >> (index % 32u)) & 1u) == 1u;
}
