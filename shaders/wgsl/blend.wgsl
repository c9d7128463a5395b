// A map over the photo, drawn into a rectangle of any target.
//
// Places are given in the padded square: (0, 0) is its left top corner, (1, 1) its right bottom one. All colours are
// sRGB-encoded numbers in 0..1 and are mixed as such, as image viewers do; where the target encodes what is written
// to it (an `…Srgb` format), the result is decoded first, so that the stored bytes are the same.

struct Paint {
    // What of the padded square is shown: left, top, and the extent of one target pixel.
    shown: vec4<f32>,
    // The photo: left, top, width, height.
    photo: vec4<f32>,
    // The outlined cell: left, top, right, bottom.
    outline: vec4<f32>,
    // The cell under the pointer, likewise.
    hover: vec4<f32>,
    background: vec4<f32>,
    // Left top corner of the drawn rectangle in target pixels.
    target_origin: vec2<f32>,
    // Pixels of the target to one unit of line width.
    line_px: f32,
    opacity: f32,
    slot: u32,
    slot_start: u32,
    side: u32,
    colour_row: u32,
    photo_level: u32,
    // What is drawn: bits that begin with DRAW.
    drawn: u32,
    // Cells to a side of the grid that is ruled over the map, and tokens to a side of the one inside of the outlined
    // cell.
    ruled_cells: f32,
    ruled_tokens: f32,
}

@group(0) @binding(0) var<uniform> paint: Paint;
@group(0) @binding(1) var<storage, read> texels: array<Texel>;
@group(0) @binding(2) var<storage, read> scales: array<Scale>;
@group(0) @binding(3) var colours: texture_2d<f32>;
@group(0) @binding(4) var photo: texture_2d<f32>;

// In units of line width: calm enough to recede, dense enough to read as hatching on a cell of 24 pixels.
const HATCH_PERIOD: f32 = 9.0;
const HATCH_WIDTH: f32 = 1.2;
const HATCH_VEIL: f32 = 0.25;
const HATCH_STRENGTH: f32 = 0.55;
const HATCH_COLOUR: vec3<f32> = vec3<f32>(0.45, 0.46, 0.48);
const RIM_STRENGTH: f32 = 0.75;
const OUTLINE_WIDTH: f32 = 2.0;
const OUTLINE_RIM: f32 = 1.5;
const OUTLINE_COLOUR: vec3<f32> = vec3<f32>(1.0);
const HOVER_WIDTH: f32 = 1.25;
const HOVER_RIM: f32 = 1.0;
const HOVER_COLOUR: vec3<f32> = vec3<f32>(1.0, 0.8, 0.25);
const RULE_WIDTH: f32 = 0.6;
const RULE_RIM: f32 = 0.6;
const RULE_COLOUR: vec3<f32> = vec3<f32>(1.0);
const RULE_STRENGTH: f32 = 0.4;
// Distances between lines: at the first they have faded away, from the second on they are at full strength.
const RULE_TOO_DENSE: f32 = 3.0;
const RULE_CALM: f32 = 8.0;

// Parts of sRGB colours in their lightness (Rec. 709).
const LUMA: vec3<f32> = vec3<f32>(0.2126, 0.7152, 0.0722);

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) drawn: u32,
}

// One triangle that covers the whole viewport. It hands on what is drawn: a branch of `blend` must not depend on a
// uniform (`src/layout.rs` says why).
@vertex
fn cover(@builtin(vertex_index) index: u32) -> Corner {
    let corner = vec2<f32>(f32((index << 1u) & 2u), f32(index & 2u));
    return Corner(vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0), paint.drawn);
}

// As the triangle handed it on.
var<private> drawn: u32;

fn draws(what: u32) -> bool {
    return (drawn & what) != 0u;
}

fn photo_texel(at: vec2<i32>, size: vec2<i32>) -> vec3<f32> {
    return textureLoad(photo, clamp(at, vec2<i32>(0), size - 1), i32(paint.photo_level)).rgb;
}

// Bilinear by hand: hardware filters keep only eight bits of the position.
fn photo_at(place: vec2<f32>) -> vec3<f32> {
    let size = vec2<i32>(textureDimensions(photo, i32(paint.photo_level)));
    let at = place * vec2<f32>(size) - 0.5;
    let first = vec2<i32>(floor(at));
    let part = at - floor(at);
    let top = mix(photo_texel(first, size), photo_texel(first + vec2<i32>(1, 0), size), part.x);
    let bottom = mix(photo_texel(first + vec2<i32>(0, 1), size), photo_texel(first + vec2<i32>(1, 1), size), part.x);
    let colour = mix(top, bottom, part.y);
    return select(colour, vec3<f32>(dot(colour, LUMA)), draws(DRAW_GREY_PHOTO));
}

fn base_at(place: vec2<f32>) -> vec3<f32> {
    if draws(DRAW_PHOTO) {
        let in_photo = (place - paint.photo.xy) / paint.photo.zw;
        if all(in_photo >= vec2<f32>(0.0)) && all(in_photo < vec2<f32>(1.0)) {
            return photo_at(in_photo);
        }
    }
    return paint.background.rgb;
}

fn texel_of(at: vec2<i32>) -> Texel {
    let last = i32(paint.side) - 1;
    let inside = clamp(at, vec2<i32>(0), vec2<i32>(last));
    return texels[paint.slot_start + u32(inside.y) * paint.side + u32(inside.x)];
}

// The value between the four nearest texels; those without a value have no say.
fn smooth_value(place: vec2<f32>) -> f32 {
    let at = place * f32(paint.side) - 0.5;
    let first = vec2<i32>(floor(at));
    let part = at - floor(at);
    var sum = 0.0;
    var weight = 0.0;
    for (var i = 0; i < 4; i++) {
        let step = vec2<i32>(i & 1, i >> 1u);
        let texel = texel_of(first + step);
        if texel.state == STATE_VALUE {
            let w = mix(1.0 - part, part, vec2<f32>(step));
            sum += w.x * w.y * texel.value;
            weight += w.x * w.y;
        }
    }
    return sum / weight;
}

fn colour_entry(index: u32) -> vec3<f32> {
    return textureLoad(colours, vec2<u32>(index, paint.colour_row), 0).rgb;
}

fn colour_of(value: f32) -> vec3<f32> {
    if draws(DRAW_CATEGORIES) {
        return colour_entry(u32(value));
    }
    let scale = scales[paint.slot];
    var part = 0.5;
    if scale.high > scale.low {
        part = clamp((value - scale.low) / (scale.high - scale.low), 0.0, 1.0);
    }
    let at = part * f32(COLOURS - 1u);
    let first = min(u32(at), COLOURS - 2u);
    return mix(colour_entry(first), colour_entry(first + 1u), at - f32(first));
}

// How much of a pixel lies inside an edge that is `distance` pixels away.
fn coverage(distance: f32) -> f32 {
    return clamp(distance + 0.5, 0.0, 1.0);
}

// Diagonal lines that keep their spacing on the screen and their place on the picture.
fn hatched(colour: vec3<f32>, place: vec2<f32>) -> vec3<f32> {
    let px = place / paint.shown.zw;
    let period = HATCH_PERIOD * paint.line_px;
    let along = (px.x + px.y) * 0.70710678;
    let from_line = abs(along - round(along / period) * period);
    let line = coverage(0.5 * HATCH_WIDTH * paint.line_px - from_line);
    let veiled = mix(colour, paint.background.rgb, HATCH_VEIL);
    return mix(veiled, HATCH_COLOUR, HATCH_STRENGTH * line);
}

// A light line with dark rims on both sides, which shows on any picture; its middle is `distance` pixels away.
fn lined(
    colour: vec3<f32>,
    distance: f32,
    width: f32,
    rim_width: f32,
    line_colour: vec3<f32>,
    strength: f32,
) -> vec3<f32> {
    let half_line = 0.5 * width * paint.line_px;
    let rim = coverage(half_line + rim_width * paint.line_px - distance);
    let line = coverage(half_line - distance);
    return mix(mix(colour, vec3<f32>(0.0), RIM_STRENGTH * strength * rim), line_colour, strength * line);
}

// Signed distance in pixels to a rectangle: negative inside.
fn distance_to(rect: vec4<f32>, place: vec2<f32>) -> f32 {
    let beyond = max(rect.xy - place, place - rect.zw) / paint.shown.zw;
    return length(max(beyond, vec2<f32>(0.0))) + min(max(beyond.x, beyond.y), 0.0);
}

// Faint lines between `count` parts to a side.
fn ruled(colour: vec3<f32>, place: vec2<f32>, count: f32) -> vec3<f32> {
    let spacing = 1.0 / (count * paint.shown.zw);
    let at = place * count;
    let from_line = abs(at - round(at)) * spacing;
    let calm = (min(spacing.x, spacing.y) / paint.line_px - RULE_TOO_DENSE) / (RULE_CALM - RULE_TOO_DENSE);
    let strength = RULE_STRENGTH * clamp(calm, 0.0, 1.0);
    return lined(colour, min(from_line.x, from_line.y), RULE_WIDTH, RULE_RIM, RULE_COLOUR, strength);
}

// Rules and outlines, the most important last.
fn with_lines(map_colour: vec3<f32>, place: vec2<f32>) -> vec3<f32> {
    var colour = map_colour;
    let outlined = draws(DRAW_OUTLINE);
    let from_outline = distance_to(paint.outline, place);
    if draws(DRAW_RULED_CELLS) {
        colour = ruled(colour, place, paint.ruled_cells);
    }
    if outlined && draws(DRAW_RULED_TOKENS) && from_outline < 0.0 {
        colour = ruled(colour, place, paint.ruled_tokens);
    }
    if draws(DRAW_HOVER) {
        colour = lined(colour, abs(distance_to(paint.hover, place)), HOVER_WIDTH, HOVER_RIM, HOVER_COLOUR, 1.0);
    }
    if outlined {
        colour = lined(colour, abs(from_outline), OUTLINE_WIDTH, OUTLINE_RIM, OUTLINE_COLOUR, 1.0);
    }
    return colour;
}

fn linear_from_srgb(encoded: vec3<f32>) -> vec3<f32> {
    let curved = pow((encoded + 0.055) / 1.055, vec3<f32>(2.4));
    return select(curved, encoded / 12.92, encoded <= vec3<f32>(0.04045));
}

@fragment
fn blend(corner: Corner) -> @location(0) vec4<f32> {
    drawn = corner.drawn;
    let place = paint.shown.xy + (corner.position.xy - paint.target_origin) * paint.shown.zw;
    if any(place < vec2<f32>(0.0)) || any(place >= vec2<f32>(1.0)) {
        return vec4<f32>(0.0);
    }
    var colour = base_at(place);
    let texel = texel_of(vec2<i32>(place * f32(paint.side)));
    if texel.state == STATE_VALUE {
        var value = texel.value;
        if draws(DRAW_BILINEAR) {
            value = smooth_value(place);
        }
        colour = mix(colour, colour_of(value), paint.opacity);
    } else if texel.state == STATE_PADDING {
        colour = hatched(colour, place);
    }
    colour = with_lines(colour, place);
    if draws(DRAW_DECODED) {
        colour = linear_from_srgb(colour);
    }
    return vec4<f32>(colour, 1.0);
}
