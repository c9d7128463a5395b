//! Every pipeline, built once for a device, and the bind groups that feed them.

use crate::colour::{ColourMap, table_rgba};
use crate::error::Result;
use crate::layout::{COLOURS, wgsl};
use crate::readback::checked;

/// The format of pictures that are read back.
pub(crate) const IMAGE_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

pub(crate) struct Pipelines {
    pub(crate) reduce: wgpu::ComputePipeline,
    pub(crate) difference: wgpu::ComputePipeline,
    pub(crate) scale: wgpu::ComputePipeline,
    /// Draws to the format that the renderer was made for.
    pub(crate) blend: wgpu::RenderPipeline,
    /// Draws to [`IMAGE_FORMAT`].
    pub(crate) blend_image: wgpu::RenderPipeline,
    pub(crate) colours: wgpu::TextureView,
    /// Stands where a pane has no photo.
    pub(crate) no_photo: wgpu::TextureView,
    paint_layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    pub(crate) fn new(device: &wgpu::Device, queue: &wgpu::Queue, format: wgpu::TextureFormat) -> Result<Self> {
        checked(device, || {
            let paint_layout = paint_layout(device);
            Self {
                reduce: compute(device, "reduce", wgsl::REDUCE),
                difference: compute(device, "difference", wgsl::DIFFERENCE),
                scale: compute(device, "scale", wgsl::SCALE),
                blend: blend(device, &paint_layout, format),
                blend_image: blend(device, &paint_layout, IMAGE_FORMAT),
                colours: texture(device, queue, COLOURS as u32, ColourMap::ALL.len() as u32 + 1, &table_rgba()),
                no_photo: texture(device, queue, 1, 1, &[0; 4]),
                paint_layout,
            }
        })
    }

    /// Binds `resources` to a compute pipeline, in the order of their bindings.
    pub(crate) fn bind_compute(
        device: &wgpu::Device,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[&wgpu::Buffer],
    ) -> wgpu::BindGroup {
        let resources: Vec<_> = buffers.iter().map(|buffer| buffer.as_entire_binding()).collect();
        bind(device, &pipeline.get_bind_group_layout(0), &resources)
    }

    /// Binds what a pane shows.
    pub(crate) fn bind_paint(
        &self,
        device: &wgpu::Device,
        buffers: [&wgpu::Buffer; 3],
        photo: &wgpu::TextureView,
    ) -> wgpu::BindGroup {
        let [paint, texels, scales] = buffers.map(wgpu::Buffer::as_entire_binding);
        let colours = wgpu::BindingResource::TextureView(&self.colours);
        let photo = wgpu::BindingResource::TextureView(photo);
        bind(device, &self.paint_layout, &[paint, texels, scales, colours, photo])
    }
}

fn bind(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    resources: &[wgpu::BindingResource<'_>],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0..)
        .zip(resources)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

fn shader(device: &wgpu::Device, label: &str, source: &str) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    })
}

fn compute(device: &wgpu::Device, entry_point: &str, source: &str) -> wgpu::ComputePipeline {
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(entry_point),
        layout: None,
        module: &shader(device, entry_point, source),
        entry_point: Some(entry_point),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    })
}

/// One layout for both blend pipelines, so that a pane fits either.
fn paint_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let buffer = |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let storage = buffer(wgpu::BufferBindingType::Storage { read_only: true });
    let texture = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    let types = [buffer(wgpu::BufferBindingType::Uniform), storage, storage, texture, texture];
    let entries: Vec<_> = (0..)
        .zip(types)
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: if binding == 0 { wgpu::ShaderStages::VERTEX_FRAGMENT } else { wgpu::ShaderStages::FRAGMENT },
            ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("paint"), entries: &entries })
}

fn blend(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    let module = shader(device, "blend", wgsl::BLEND);
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("blend"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("blend"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("cover"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("blend"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

fn texture(device: &wgpu::Device, queue: &wgpu::Queue, width: u32, height: u32, rgba: &[u8]) -> wgpu::TextureView {
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: IMAGE_FORMAT,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), rgba, layout, size);
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}
