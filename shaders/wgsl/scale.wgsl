// The range of values that each map's colours span. One workgroup walks all maps of a view; minima and maxima do
// not depend on the order they are taken in, so the result is exact.

@group(0) @binding(0) var<storage, read> view: View;
@group(0) @binding(1) var<storage, read> texels: array<Texel>;
@group(0) @binding(2) var<storage, read_write> scales: array<Scale>;

const LANES: u32 = 256u;

var<workgroup> low: array<f32, LANES>;
var<workgroup> high: array<f32, LANES>;

// Halves the number of lanes in play until lane 0 holds the range of all of them.
fn join_lanes(lane: u32) {
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            low[lane] = min(low[lane], low[lane + half]);
            high[lane] = max(high[lane], high[lane + half]);
        }
    }
}

fn resolved(found: Scale) -> Scale {
    var scale = found;
    if view.normalisation == NORMALISE_FIXED {
        scale.low = view.fixed_low;
        scale.high = view.fixed_high;
    }
    if view.symmetric == 1u {
        let reach = max(abs(scale.low), abs(scale.high));
        scale.low = -reach;
        scale.high = reach;
    }
    return scale;
}

@compute @workgroup_size(LANES)
fn scale(@builtin(local_invocation_index) lane: u32) {
    var found: array<Scale, MAX_ENCODERS>;
    var joint = Scale(LARGEST, -LARGEST, 0u, 0u);
    for (var slot = 0u; slot < view.slots; slot++) {
        var lane_low = LARGEST;
        var lane_high = -LARGEST;
        for (var i = lane; i < view.slot_stride; i += LANES) {
            let texel = texels[slot * view.slot_stride + i];
            if texel.state == STATE_VALUE {
                lane_low = min(lane_low, texel.value);
                lane_high = max(lane_high, texel.value);
            }
        }
        low[lane] = lane_low;
        high[lane] = lane_high;
        join_lanes(lane);
        if lane == 0u {
            if low[0] <= high[0] {
                found[slot] = Scale(low[0], high[0], 1u, 0u);
                joint = Scale(min(joint.low, low[0]), max(joint.high, high[0]), 1u, 0u);
            } else {
                found[slot] = Scale(0.0, 0.0, 0u, 0u);
            }
        }
        workgroupBarrier();
    }
    if lane != 0u {
        return;
    }
    if joint.valued == 0u {
        joint = Scale(0.0, 0.0, 0u, 0u);
    }
    for (var slot = 0u; slot < view.slots; slot++) {
        if view.normalisation == NORMALISE_COMMON {
            scales[slot] = resolved(Scale(joint.low, joint.high, found[slot].valued, 0u));
        } else {
            scales[slot] = resolved(found[slot]);
        }
    }
}
