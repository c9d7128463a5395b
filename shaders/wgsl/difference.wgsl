// Map A minus map B, texel by texel, where both have a value.

@group(0) @binding(0) var<storage, read> view: View;
@group(0) @binding(1) var<storage, read> minuend: array<Texel>;
@group(0) @binding(2) var<storage, read> subtrahend: array<Texel>;
@group(0) @binding(3) var<storage, read_write> texels: array<Texel>;

@compute @workgroup_size(64)
fn difference(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= view.slot_stride || id.y >= view.slots {
        return;
    }
    let index = id.y * view.slot_stride + id.x;
    let a = minuend[index];
    let b = subtrahend[index];
    var texel = Texel(0.0, STATE_OUTSIDE);
    if a.state == STATE_VALUE && b.state == STATE_VALUE {
        texel = Texel(a.value - b.value, STATE_VALUE);
    } else if a.state == STATE_PADDING || b.state == STATE_PADDING {
        texel.state = STATE_PADDING;
    } else if a.state == STATE_MASKED || b.state == STATE_MASKED {
        texel.state = STATE_MASKED;
    }
    texels[index] = texel;
}
