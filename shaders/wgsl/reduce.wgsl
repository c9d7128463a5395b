// A trace to maps: one invocation makes one texel of one map from the chosen layers and heads.
//
// Sums run over the heads of a layer first, then over layers, so that few numbers of very different size meet.

@group(0) @binding(0) var<storage, read> view: View;
@group(0) @binding(1) var<storage, read> info: TraceInfo;
@group(0) @binding(2) var<storage, read> layers: array<Layer>;
@group(0) @binding(3) var<storage, read> probs: array<f32>;
@group(0) @binding(4) var<storage, read> masks: array<u32>;
@group(0) @binding(5) var<storage, read_write> texels: array<Texel>;

// A cell of a layer, as found from a texel of the map.
struct Cell {
    covered: bool,
    row: u32,
    col: u32,
    // Where its first head's probabilities and its mask begin.
    probs_start: u32,
    mask_start: u32,
}

// The part of a cell's keys that belongs to one encoder, or to one of its tokens.
struct Keys {
    first: u32,
    count: u32,
}

// Values seen so far, over (layer, head) pairs.
struct Gathered {
    sum: f32,
    largest: f32,
    count: u32,
}

fn log2_or_floor(x: f32) -> f32 {
    if x <= exp2(LIFT_FLOOR) {
        return LIFT_FLOOR;
    }
    return log2(x);
}

fn gather(so_far: Gathered, sum: f32, largest: f32, count: u32) -> Gathered {
    if count == 0u {
        return so_far;
    }
    if so_far.count == 0u {
        return Gathered(sum, largest, count);
    }
    return Gathered(so_far.sum + sum, max(so_far.largest, largest), so_far.count + count);
}

fn reduced(all: Gathered) -> f32 {
    if view.reduction == REDUCTION_MAX {
        return all.largest;
    }
    return all.sum / f32(all.count);
}

fn is_open(cell: Cell, key: u32) -> bool {
    let at = cell.mask_start + key;
    return ((masks[at / 4u] >> (8u * (at % 4u))) & 0xffu) != 0u;
}

fn count_open(cell: Cell, keys: Keys) -> u32 {
    var open = 0u;
    for (var i = 0u; i < keys.count; i++) {
        open += select(0u, 1u, is_open(cell, keys.first + i));
    }
    return open;
}

fn cell_at(layer: Layer, row: u32, col: u32) -> Cell {
    var cell: Cell;
    cell.row = row;
    cell.col = col;
    cell.covered = row >= layer.origin_row && row < layer.origin_row + layer.rows
        && col >= layer.origin_col && col < layer.origin_col + layer.cols;
    if cell.covered {
        let index = (row - layer.origin_row) * layer.cols + (col - layer.origin_col);
        cell.probs_start = layer.probs_start + index * info.heads * layer.keys;
        cell.mask_start = layer.mask_start + index * layer.keys;
    }
    return cell;
}

// The layer's cell that holds the centre of cell (row, col) of the map.
fn cell_from_map_cell(layer: Layer, row: u32, col: u32) -> Cell {
    let twice = 2u * view.cell_side;
    return cell_at(layer, ((2u * row + 1u) * layer.side) / twice, ((2u * col + 1u) * layer.side) / twice);
}

// The keys of `encoder` in any cell of `layer`.
fn window(layer: Layer, encoder: u32) -> Keys {
    var first = 0u;
    for (var k = 0u; k < encoder; k++) {
        let before = info.encoder[k].side / layer.side;
        first += before * before;
    }
    let r = info.encoder[encoder].side / layer.side;
    return Keys(first, r * r);
}

// Whether rows [row, row + side) and the same columns of an encoder's tokens miss the photo altogether.
fn is_padding(encoder: u32, row: u32, col: u32, side: u32) -> bool {
    let photo = info.encoder[encoder].photo;
    return row + side <= photo[0] || row >= photo[2] || col + side <= photo[1] || col >= photo[3];
}

fn window_is_padding(layer: Layer, cell: Cell, encoder: u32) -> bool {
    let r = info.encoder[encoder].side / layer.side;
    return is_padding(encoder, cell.row * r, cell.col * r, r);
}

fn sum_of(cell: Cell, layer: Layer, head: u32, keys: Keys) -> f32 {
    let start = cell.probs_start + head * layer.keys + keys.first;
    var sum = 0.0;
    for (var i = 0u; i < keys.count; i++) {
        sum += probs[start + i];
    }
    return sum;
}

// Share of one encoder, or with `per_uniform` its ratio to the share that uniform attention would give.
fn share_texel(encoder: u32, row: u32, col: u32, tokens: bool, per_uniform: bool) -> Texel {
    var all: Gathered;
    var masked = false;
    for (var l = 0u; l < info.layers; l++) {
        if !has_bit(view.layer_bits, l) {
            continue;
        }
        let layer = layers[l];
        let r = info.encoder[encoder].side / layer.side;
        var keys = window(layer, encoder);
        var cell: Cell;
        var padding: bool;
        if tokens {
            cell = cell_at(layer, row / r, col / r);
            keys = Keys(keys.first + (row % r) * r + col % r, 1u);
            padding = is_padding(encoder, row, col, 1u);
        } else {
            cell = cell_from_map_cell(layer, row, col);
            padding = window_is_padding(layer, cell, encoder);
        }
        if !cell.covered || padding {
            continue;
        }
        let open = count_open(cell, keys);
        if open == 0u {
            masked = true;
            continue;
        }
        var uniform_share = 1.0;
        if per_uniform {
            uniform_share = f32(open) / f32(count_open(cell, Keys(0u, layer.keys)));
        }
        var sum = 0.0;
        var largest = -LARGEST;
        var count = 0u;
        for (var head = 0u; head < info.heads; head++) {
            if has_bit(view.head_bits, head) {
                let x = sum_of(cell, layer, head, keys) / uniform_share;
                sum += x;
                largest = max(largest, x);
                count++;
            }
        }
        all = gather(all, sum, largest, count);
    }
    if all.count == 0u {
        return Texel(0.0, select(STATE_PADDING, STATE_MASKED, masked));
    }
    return Texel(reduced(all), STATE_VALUE);
}

fn entropy_in_bits(cell: Cell, layer: Layer, head: u32) -> f32 {
    let start = cell.probs_start + head * layer.keys;
    var bits = 0.0;
    for (var i = 0u; i < layer.keys; i++) {
        let p = probs[start + i];
        if p > 0.0 {
            bits -= p * log2(p);
        }
    }
    return max(bits, 0.0);
}

// Entropy over all keys of a cell, in bits, or with `normalised` as a part of the entropy of uniform attention.
fn entropy_texel(row: u32, col: u32, normalised: bool) -> Texel {
    var all: Gathered;
    var masked = false;
    for (var l = 0u; l < info.layers; l++) {
        if !has_bit(view.layer_bits, l) {
            continue;
        }
        let layer = layers[l];
        let cell = cell_from_map_cell(layer, row, col);
        var padding = true;
        for (var k = 0u; k < info.encoders; k++) {
            padding = padding && window_is_padding(layer, cell, k);
        }
        if !cell.covered || padding {
            continue;
        }
        let open = count_open(cell, Keys(0u, layer.keys));
        // With one open key there is no choice whose spread could be measured.
        if open == 0u || (normalised && open == 1u) {
            masked = true;
            continue;
        }
        let unit = select(1.0, log2(f32(open)), normalised);
        var sum = 0.0;
        var largest = -LARGEST;
        var count = 0u;
        for (var head = 0u; head < info.heads; head++) {
            if has_bit(view.head_bits, head) {
                let x = entropy_in_bits(cell, layer, head) / unit;
                sum += x;
                largest = max(largest, x);
                count++;
            }
        }
        all = gather(all, sum, largest, count);
    }
    if all.count == 0u {
        return Texel(0.0, select(STATE_PADDING, STATE_MASKED, masked));
    }
    return Texel(reduced(all), STATE_VALUE);
}

// The encoder whose lift map is highest here; the first of equals. Not whose share is: that is nearly everywhere the encoder
// with the largest window.
fn dominant_texel(row: u32, col: u32) -> Texel {
    var best = Texel(0.0, STATE_PADDING);
    var best_lift = -1.0;
    for (var k = 0u; k < info.encoders; k++) {
        let lift = share_texel(k, row, col, false, true);
        if lift.state == STATE_VALUE && lift.value > best_lift {
            best = Texel(f32(k), STATE_VALUE);
            best_lift = lift.value;
        } else if lift.state == STATE_MASKED && best.state == STATE_PADDING {
            best.state = STATE_MASKED;
        }
    }
    return best;
}

fn texel_at(slot: u32, row: u32, col: u32) -> Texel {
    let tokens = view.tokens == 1u;
    switch view.quantity {
        case QUANTITY_SHARE: {
            return share_texel(slot, row, col, tokens, false);
        }
        case QUANTITY_LIFT: {
            var texel = share_texel(slot, row, col, tokens, true);
            if texel.state == STATE_VALUE {
                texel.value = log2_or_floor(texel.value);
            }
            return texel;
        }
        case QUANTITY_ENTROPY: {
            return entropy_texel(row, col, false);
        }
        case QUANTITY_NORMALISED_ENTROPY: {
            return entropy_texel(row, col, true);
        }
        default: {
            return dominant_texel(row, col);
        }
    }
}

@compute @workgroup_size(64)
fn reduce(@builtin(global_invocation_id) id: vec3<u32>) {
    let slot = id.y;
    if id.x >= view.slot_stride || slot >= view.slots {
        return;
    }
    var side = view.cell_side;
    if view.tokens == 1u {
        side = info.encoder[slot].side;
    }
    var texel = Texel(0.0, STATE_OUTSIDE);
    if id.x < side * side {
        let row = id.x / side;
        let col = id.x % side;
        texel = texel_at(slot, row, col);
        let per_cell = side / view.cell_side;
        let in_focus = row / per_cell == view.focus_row && col / per_cell == view.focus_col;
        if view.focused == 1u && texel.state == STATE_VALUE && !in_focus {
            texel = Texel(0.0, STATE_OUTSIDE);
        }
    }
    texels[slot * view.slot_stride + id.x] = texel;
}
