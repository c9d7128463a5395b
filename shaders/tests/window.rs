//! What a window does with maps, frame by frame, without a window.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod scenes;

use opabinia_shaders::*;
use scenes::{gpu, photo, renderer_on, tall_masked, wide};

fn commands(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

/// Waits as a window does not, so that the next look finds what there is to find.
fn finish(gpu: &Gpu) {
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
}

fn all_maps(renderer: &MapRenderer, maps: &MapSet, count: usize) -> Vec<Map> {
    (0..count).map(|k| renderer.read_map(maps, k).unwrap()).collect()
}

#[test]
fn numbers_arrive_without_waiting_and_are_those_of_their_frame() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = renderer.upload_trace(&wide(11).data()).unwrap();
    let share = MapView::of(Quantity::Share);
    let tokens = MapView { granularity: Granularity::Tokens, normalisation: Normalisation::PerMap, ..share };
    let views = [share, tokens, MapView::of(Quantity::Entropy), MapView::of(Quantity::Lift)];
    let mut maps = renderer.measure(&trace, &share).unwrap();

    let mut pending = vec![];
    for view in &views {
        let mut frame = commands(&gpu);
        renderer.update(&mut frame, &mut maps, view).unwrap();
        let mut asked = renderer.read_later(&mut frame, &maps).unwrap();
        assert_eq!(asked.poll().unwrap(), None, "a frame that was not submitted has no numbers");
        gpu.queue.submit([frame.finish()]);
        pending.push(asked);
    }
    finish(&gpu);
    for (asked, view) in pending.iter_mut().zip(&views) {
        let found = asked.poll().unwrap().expect("the device is done");
        let anew = renderer.measure(&trace, view).unwrap();
        let count = if view.quantity.per_encoder() { 4 } else { 1 };
        assert_eq!(found, all_maps(&renderer, &anew, count), "{view:?}");
        assert_eq!(asked.poll().unwrap(), Some(found), "asking again gives the same");
    }
    assert_eq!(gpu.fault(), None);
}

#[test]
fn numbers_of_a_dropped_frame_are_an_error() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let trace = renderer.upload_trace(&wide(12).data()).unwrap();
    let maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).unwrap();
    let mut frame = commands(&gpu);
    let mut pending = renderer.read_later(&mut frame, &maps).unwrap();
    drop(frame);
    let error = pending.poll().unwrap_err().to_string();
    assert!(error.contains("never submitted"), "{error}");
    assert_eq!(gpu.fault(), None);
}

/// Draws `pane` to a small target.
fn paint_once(gpu: &Gpu, renderer: &MapRenderer, pane: &Pane) {
    let size = wgpu::Extent3d { width: 8, height: 8, depth_or_array_layers: 1 };
    let target = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    });
    let view = target.create_view(&wgpu::TextureViewDescriptor::default());
    let mut frame = commands(gpu);
    let mut pass = frame.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations::default(),
        })],
        ..Default::default()
    });
    renderer.paint(&mut pass, pane);
    drop(pass);
    gpu.queue.submit([frame.finish()]);
}

/// Every call of a renderer, and what became of it.
fn call_everything(
    gpu: &Gpu,
    renderer: &MapRenderer,
    trace: &GpuTrace,
    maps: &mut MapSet,
    pane: &Pane,
) -> Vec<(&'static str, Result<()>)> {
    let view = MapView::of(Quantity::Share);
    let mut frame = commands(gpu);
    let results = vec![
        ("upload_trace", renderer.upload_trace(&wide(15).data()).map(drop)),
        ("upload_photo", renderer.upload_photo(&[0; 3], 1, 1).map(drop)),
        ("measure", renderer.measure(trace, &view).map(drop)),
        ("difference", renderer.difference(maps, maps, Normalisation::Common).map(drop)),
        ("update", renderer.update(&mut frame, maps, &view)),
        ("pane", renderer.pane(maps, None).map(drop)),
        ("prepare", renderer.prepare(pane, maps, 0, &Look::default(), [0.0, 0.0, 8.0, 8.0])),
        ("read_later", renderer.read_later(&mut frame, maps).map(drop)),
        ("read_map", renderer.read_map(maps, 0).map(drop)),
        ("render_to_image", renderer.render_to_image(maps, None, 0, &Look::default(), 8, 8).map(drop)),
    ];
    gpu.queue.submit([frame.finish()]);
    paint_once(gpu, renderer, pane);
    results
}

#[test]
fn a_lost_device_is_an_error_of_every_call_and_never_a_panic() {
    let gpu = gpu();
    let faults = Faults::watch(&gpu.device);
    let renderer = renderer_on(&gpu).with_faults(faults.clone());
    let trace = renderer.upload_trace(&wide(15).data()).unwrap();
    let mut maps = renderer.measure(&trace, &MapView::of(Quantity::Share)).unwrap();
    let pane = renderer.pane(&maps, None).unwrap();
    for (call, result) in call_everything(&gpu, &renderer, &trace, &mut maps, &pane) {
        assert!(result.is_ok(), "{call}: {result:?}");
    }
    let mut frame = commands(&gpu);
    let mut pending = renderer.read_later(&mut frame, &maps).unwrap();
    let mut never_sent = commands(&gpu);
    let mut too_late = renderer.read_later(&mut never_sent, &maps).unwrap();
    gpu.queue.submit([frame.finish()]);
    assert_eq!(faults.first(), None);
    faults.check_device().unwrap();

    gpu.device.destroy();
    // Nobody has been told yet: calls may do nothing or fail with words of the driver, but those that would give numbers
    // must fail.
    for (call, result) in call_everything(&gpu, &renderer, &trace, &mut maps, &pane) {
        let gives_numbers = ["read_map", "render_to_image"].contains(&call);
        assert!(result.is_err() || !gives_numbers, "{call}: {result:?}");
    }
    gpu.queue.submit([never_sent.finish()]);
    finish(&gpu);
    for (call, result) in call_everything(&gpu, &renderer, &trace, &mut maps, &pane) {
        assert!(matches!(result, Err(Error::DeviceLost(_))), "{call}: {result:?}");
    }
    for asked in [&mut pending, &mut too_late] {
        assert!(matches!(asked.poll(), Err(Error::DeviceLost(_))));
    }
    let error = faults.check_device().unwrap_err().to_string();
    assert!(error.contains("Destroyed") && faults.first().is_some(), "{faults:?}");
}

#[test]
fn an_error_that_nobody_takes_is_kept_and_is_no_loss() {
    let gpu = gpu();
    let faults = Faults::watch(&gpu.device);
    for size in [u64::MAX, u64::MAX - 1] {
        drop(gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }));
    }
    let first = faults.first().unwrap();
    assert!(first.contains(&u64::MAX.to_string()), "{first}");
    faults.check_device().unwrap();
}

/// A rectangle of pixels: left, top, right, bottom.
type PixelRect = [i32; 4];

/// A pane in a window: where all of it would be, and the part that scroll areas and the window's edges leave of it.
#[derive(Clone, Copy)]
struct Placed<'a> {
    maps: &'a MapSet,
    anew: &'a MapSet,
    photo: Option<&'a GpuPhoto>,
    encoder: usize,
    look: Look,
    target: PixelRect,
    clip: PixelRect,
}

/// Four bytes to a pixel: rows of a multiple of 256 bytes can be copied as they are.
const WINDOW: (u32, u32) = (192, 160);
/// In every format these are the bytes 0, 0, 255, 255.
const PANEL: wgpu::Color = wgpu::Color::BLUE;

fn within_window([left, top, right, bottom]: PixelRect) -> PixelRect {
    let (width, height) = (WINDOW.0 as i32, WINDOW.1 as i32);
    [left.clamp(0, width), top.clamp(0, height), right.clamp(0, width), bottom.clamp(0, height)]
}

/// Draws as a window's toolkit does, in a frame that may have measured before: panes are prepared, then in one pass drawn
/// with viewport and scissor set to what of pane and clip lies in the window.
fn draw_window(
    gpu: &Gpu,
    renderer: &MapRenderer,
    mut frame: wgpu::CommandEncoder,
    panes: &[Placed<'_>],
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    let surface = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: WINDOW.0, height: WINDOW.1, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = surface.create_view(&wgpu::TextureViewDescriptor::default());
    let on_gpu: Vec<Pane> = panes.iter().map(|pane| renderer.pane(pane.maps, pane.photo).unwrap()).collect();
    for (pane, on_gpu) in panes.iter().zip(&on_gpu) {
        let [left, top, right, bottom] = pane.target.map(|edge| edge as f32);
        let target = [left, top, right - left, bottom - top];
        renderer.prepare(on_gpu, pane.maps, pane.encoder, &pane.look, target).unwrap();
    }
    let load = wgpu::LoadOp::Clear(PANEL);
    let mut pass = frame.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    });
    for (pane, on_gpu) in panes.iter().zip(&on_gpu) {
        let [left, top, right, bottom] = within_window(pane.clip).map(|edge| edge as u32);
        pass.set_scissor_rect(left, top, right - left, bottom - top);
        let [left, top, right, bottom] = within_window(pane.target).map(|edge| edge as f32);
        pass.set_viewport(left, top, right - left, bottom - top, 0.0, 1.0);
        renderer.paint(&mut pass, on_gpu);
    }
    drop(pass);
    gpu.queue.submit([frame.finish()]);
    surface
}

/// The bytes of a texture of four bytes to a pixel.
fn bytes_of(gpu: &Gpu, texture: &wgpu::Texture) -> Vec<u8> {
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * WINDOW.0), rows_per_image: None };
    let copy = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(4 * WINDOW.0 * WINDOW.1),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut frame = commands(gpu);
    let to = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
    frame.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
    frame.map_buffer_on_submit(&copy, wgpu::MapMode::Read, .., Result::unwrap);
    gpu.queue.submit([frame.finish()]);
    finish(gpu);
    copy.get_mapped_range(..).unwrap().to_vec()
}

/// The window's pixels in RGBA, put together from pictures that were drawn off-screen.
fn expected_window(renderer: &MapRenderer, panes: &[Placed<'_>]) -> Vec<[u8; 4]> {
    let mut window = vec![[0, 0, 255, 255]; (WINDOW.0 * WINDOW.1) as usize];
    for Placed { anew, photo, encoder, look, target: [left, top, right, bottom], clip, .. } in panes {
        let (width, height) = ((right - left) as u32, (bottom - top) as u32);
        let picture = renderer.render_to_image(anew, *photo, *encoder, look, width, height).unwrap();
        let visible =
            within_window([*left.max(&clip[0]), *top.max(&clip[1]), *right.min(&clip[2]), *bottom.min(&clip[3])]);
        for y in visible[1]..visible[3] {
            for x in visible[0]..visible[2] {
                let pixel = picture.as_chunks::<4>().0[((y - top) * width as i32 + x - left) as usize];
                if pixel[3] == 255 {
                    window[(y * WINDOW.0 as i32 + x) as usize] = pixel;
                }
            }
        }
    }
    window
}

#[test]
fn a_window_shows_the_pixels_of_pictures() {
    let gpu = gpu();
    let (wide, tall) = (wide(13), tall_masked(14));
    let share = MapView::of(Quantity::Share);
    let lift = MapView { focus: Focus::Outline(Cell { row: 2, col: 3 }), ..MapView::of(Quantity::Lift) };
    let tokens = MapView { focus: Focus::Window(Cell { row: 1, col: 1 }), ..share };
    use wgpu::TextureFormat::*;
    for format in [Rgba8Unorm, Bgra8Unorm, Rgba8UnormSrgb, Bgra8UnormSrgb] {
        let renderer = MapRenderer::new(&gpu.device, &gpu.queue, format).unwrap();
        let [wide_trace, tall_trace] = [&wide, &tall].map(|trace| renderer.upload_trace(&trace.data()).unwrap());
        let on_gpu =
            |trace: &scenes::Trace| renderer.upload_photo(&photo(trace.size), trace.size.0, trace.size.1).unwrap();
        let (wide_photo, tall_photo) = (on_gpu(&wide), on_gpu(&tall));
        // Maps of another view, which the frame measures anew.
        let mut wide_maps = renderer.measure(&wide_trace, &share).unwrap();
        let mut tall_maps = renderer.measure(&tall_trace, &share).unwrap();
        let mut frame = commands(&gpu);
        renderer.update(&mut frame, &mut wide_maps, &lift).unwrap();
        renderer.update(&mut frame, &mut tall_maps, &tokens).unwrap();
        let [wide_anew, tall_anew] =
            [(&wide_trace, &lift), (&tall_trace, &tokens)].map(|(trace, view)| renderer.measure(trace, view).unwrap());

        let wide = Placed {
            maps: &wide_maps,
            anew: &wide_anew,
            photo: Some(&wide_photo),
            encoder: 0,
            look: Look { colour_map: ColourMap::Diverging, ..Look::default() },
            target: [8, 6, 88, 86],
            clip: [0, 0, 192, 160],
        };
        let tall = Placed { maps: &tall_maps, anew: &tall_anew, photo: Some(&tall_photo), ..wide };
        let beyond = Rect { left: -0.25, top: 0.125, width: 1.5, height: 1.5 };
        let panes = [
            Placed { encoder: 3, ..wide },
            // Beyond the window's right edge, zoomed out so far that the panel shows around the square.
            Placed { look: Look { shown: beyond, ..wide.look }, target: [140, 4, 220, 84], ..wide },
            // Beyond the left and the lower edge.
            Placed { encoder: 2, target: [-37, 96, 59, 192], ..tall },
            // In a scroll area that hides most of it, and without a photo.
            Placed { photo: None, target: [100, 60, 196, 156], clip: [110, 100, 170, 131], ..tall },
        ];
        assert_window(&gpu, &renderer, frame, &panes, format);
    }
    assert_eq!(gpu.fault(), None);
}

/// Asserts that a window with `panes` in it shows the pixels of pictures that are drawn off-screen.
fn assert_window(
    gpu: &Gpu,
    renderer: &MapRenderer,
    frame: wgpu::CommandEncoder,
    panes: &[Placed<'_>],
    format: wgpu::TextureFormat,
) {
    let found = bytes_of(gpu, &draw_window(gpu, renderer, frame, panes, format));
    let expected = expected_window(renderer, panes);
    let bgra = matches!(format, wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Bgra8UnormSrgb);
    // An sRGB target is given linear colours, which it encodes again: that rounds twice.
    let allowed = u8::from(format.is_srgb());
    let mut panel = 0;
    for (i, (found, expected)) in found.as_chunks::<4>().0.iter().zip(&expected).enumerate() {
        let [a, b, c, alpha] = *found;
        let found = if bgra { [c, b, a, alpha] } else { *found };
        let off = (0..4).any(|channel| found[channel].abs_diff(expected[channel]) > allowed);
        let (x, y) = (i as u32 % WINDOW.0, i as u32 / WINDOW.0);
        assert!(!off, "{format:?}, pixel ({x}, {y}) is {found:?}, expected {expected:?}");
        panel += u32::from(*expected == [0, 0, 255, 255]);
    }
    let all = WINDOW.0 * WINDOW.1;
    assert!((all / 10..all * 2 / 3).contains(&panel), "panes cover too little or too much: {panel} of {all}");
}

#[test]
fn panes_of_one_trace_paint_their_own_views_in_one_frame() {
    let gpu = gpu();
    let renderer = renderer_on(&gpu);
    let scene = wide(16);
    let trace = renderer.upload_trace(&scene.data()).unwrap();
    let on_gpu = renderer.upload_photo(&photo(scene.size), scene.size.0, scene.size.1).unwrap();
    let share = MapView::of(Quantity::Share);
    // Of one trace: other layers, other heads, another quantity.
    let views = [
        MapView { layers: Indices::one(0), ..share },
        MapView { layers: Indices::one(2), ..share },
        MapView { heads: Indices::one(5), ..share },
        MapView::of(Quantity::Lift),
    ];
    let mut sets = views.map(|_| renderer.maps(&trace).unwrap());
    let mut frame = commands(&gpu);
    for (maps, view) in sets.iter_mut().zip(&views) {
        renderer.update(&mut frame, maps, view).unwrap();
    }
    // And what two of them differ by, in the same frame.
    let mut differs = renderer.difference_maps(&sets[0], &sets[2]).unwrap();
    assert!(renderer.update_difference(&mut frame, &mut differs, (&sets[0], &sets[2]), Normalisation::Common).is_err());
    let [_, one, other, _] = &sets;
    let mut differs = renderer.difference_maps(one, other).unwrap();
    renderer.update_difference(&mut frame, &mut differs, (one, other), Normalisation::Common).unwrap();

    let anew = views.map(|view| renderer.measure(&trace, &view).unwrap());
    let differs_anew = renderer.difference(&anew[1], &anew[2], Normalisation::Common).unwrap();
    let pictures =
        anew.each_ref().map(|maps| renderer.render_to_image(maps, None, 1, &Look::default(), 60, 60).unwrap());
    for (i, picture) in pictures.iter().enumerate() {
        assert!(!pictures[..i].contains(picture), "each view has pixels of its own");
    }
    let pane = |maps, anew, at: i32, colour_map| {
        let (left, top) = (2 + at % 3 * 63, 4 + at / 3 * 63);
        let target = [left, top, left + 60, top + 60];
        let look = Look { colour_map, ..Look::default() };
        Placed { maps, anew, photo: Some(&on_gpu), encoder: 1, look, target, clip: [0, 0, 192, 160] }
    };
    let mut panes: Vec<Placed<'_>> = (0..4).map(|i| pane(&sets[i], &anew[i], i as i32, ColourMap::Viridis)).collect();
    panes.push(pane(&differs, &differs_anew, 4, ColourMap::Diverging));
    assert_window(&gpu, &renderer, frame, &panes, wgpu::TextureFormat::Rgba8Unorm);
    assert_eq!(gpu.fault(), None);
}
