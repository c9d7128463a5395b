//! The linear layer, over weights kept in whatever form saves memory.
//!
//! On the CPU activations are f32, and the product is the one of [`super::product`]. On accelerators weights and
//! activations share a type and candle does it all.

use super::activation::Activation;
use super::finish::Finish;
use super::host::{is_host_f32, values, values_mut};
use super::product::product;
use super::tracked;
use super::weight::{Values, Weight, with_host_values};
use crate::error::Result;
use crate::precision::Products;
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};

/// `y = x Wᵀ + b`, with `W` `[output, input]` as PyTorch stores it.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
    products: Products,
}

impl Linear {
    /// A layer over `weight` and `bias` `[output]`, in the compute type, whose products on the CPU are computed as
    /// `products`.
    pub fn new(weight: Weight, bias: Option<Tensor>, products: Products) -> Self {
        Self { weight, bias, products }
    }

    /// Width of what it takes.
    pub fn input_size(&self) -> usize {
        self.weight.input()
    }

    /// Width of the result.
    pub fn output_size(&self) -> usize {
        self.weight.output()
    }

    /// `x`: `[rows, input]` in the compute type → `[rows, output]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, None)
    }

    /// `activation` of [`Linear::forward`]; on the CPU while the results are at hand.
    pub fn forward_then(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.run(x, Some(activation))
    }

    fn run(&self, x: &Tensor, then: Option<Activation>) -> Result<Tensor> {
        let (rows, input) = x.dims2()?;
        if input != self.weight.input() {
            let shape = (self.weight.output(), self.weight.input());
            return Err(candle_core::Error::Msg(format!("rows of {input} numbers for weights {shape:?}")).into());
        }
        let y = match &self.weight.values {
            _ if x.track_op() => tracked::product(x, &self.weight)?,
            Values::Tensor(weight) => x.matmul(&weight.t()?)?,
            _ => return self.on_host(x, rows, then),
        };
        let y = match &self.bias {
            Some(bias) => add_bias(y, bias)?,
            None => y,
        };
        match then {
            Some(activation) => activation.forward(&y),
            None => Ok(y),
        }
    }

    fn on_host(&self, x: &Tensor, rows: usize, then: Option<Activation>) -> Result<Tensor> {
        let run = |bias: Option<&[f32]>| {
            with_host_values(x, |x| product(x, rows, &self.weight, self.products, Finish { bias, then }))?
        };
        let y = match &self.bias {
            Some(bias) => with_host_values(bias, |bias| run(Some(bias)))??,
            None => run(None)?,
        };
        Ok(Tensor::from_vec(y, (rows, self.weight.output()), x.device())?)
    }
}

/// `product` `[rows, output]` plus `bias` `[output]`. On the CPU the memory of `product` is used for the result: nothing
/// else may look at it any more.
pub(crate) fn add_bias(product: Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_host_f32(&product) && product.is_contiguous() {
        product.inplace_op2(bias, &AddBias)?;
        return Ok(product);
    }
    Ok(product.broadcast_add(bias)?)
}

struct AddBias;

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        product: &mut CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<()> {
        let bias = values(bias, bias_layout)?;
        if bias.is_empty() || layout.dims().last() != Some(&bias.len()) {
            candle_core::bail!("a bias of {} numbers does not fit {:?}", bias.len(), layout.shape());
        }
        Finish { bias: Some(bias), then: None }.all(values_mut(product, layout)?, bias.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    /// Every weight type and both regimes against candle's f32 product of the widened weights.
    #[test]
    fn equals_the_plain_product() -> Result<()> {
        for (rows, input, output) in
            [(1, 64, 48), (3, 33, 130), (8, 128, 7), (9, 96, 300), (64, 65, 70), (65, 65, 1300)]
        {
            let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu)?;
            let weight = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu)?;
            let bias = Tensor::randn(0f32, 1.0, output, &Device::Cpu)?;
            for dtype in [DType::F32, DType::BF16, DType::F16] {
                let weight = weight.to_dtype(dtype)?;
                let expected = x.matmul(&weight.to_dtype(DType::F32)?.t()?)?.broadcast_add(&bias)?;
                let weight = Weight::from_tensor(&weight)?;
                let got = Linear::new(weight, Some(bias.clone()), Products::Exact).forward(&x)?;
                let error = (got - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(error < 2e-4, "{rows}×{input}×{output} {dtype:?}: {error}");
            }
        }
        Ok(())
    }

    /// What type a weight is kept in makes no difference to what is computed with it, not even in the last bit.
    #[test]
    fn few_rows_of_any_type_are_the_same_product() -> Result<()> {
        for (rows, input, output) in [(1, 200, 33), (5, 64, 130), (30, 70, 9)] {
            let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu)?;
            for dtype in [DType::BF16, DType::F16] {
                let weight = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu)?.to_dtype(dtype)?;
                let linear = |weight: &Tensor| -> Result<Linear> {
                    Ok(Linear::new(Weight::from_tensor(weight)?, None, Products::Exact))
                };
                let widened = linear(&weight.to_dtype(DType::F32)?)?.forward(&x)?.to_vec2::<f32>()?;
                assert_eq!(linear(&weight)?.forward(&x)?.to_vec2::<f32>()?, widened);
            }
        }
        Ok(())
    }

    /// Whichever loop multiplies, bias and activation come after it.
    #[test]
    fn every_product_is_finished() -> Result<()> {
        let (input, output) = (70, 85);
        let weight = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu)?;
        let bias = Tensor::randn(0f32, 1.0, output, &Device::Cpu)?;
        for (rows, dtype, products) in [
            (2, DType::F32, Products::Exact),
            (30, DType::F16, Products::Exact),
            (70, DType::BF16, Products::Exact),
            (10, DType::BF16, Products::Fast),
            (70, DType::BF16, Products::Fast),
        ] {
            let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu)?;
            let linear = |bias| {
                Ok::<_, crate::Error>(Linear::new(Weight::from_tensor(&weight.to_dtype(dtype)?)?, bias, products))
            };
            let sums = linear(None)?.forward(&x)?.broadcast_add(&bias)?;
            let biased = linear(Some(bias.clone()))?;
            let error = (biased.forward(&x)? - &sums)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert_eq!(error, 0.0, "{rows} rows, {dtype:?}");
            let error = (biased.forward_then(&x, Activation::Gelu)? - Activation::Gelu.forward(&sums)?)?;
            assert_eq!(error.abs()?.max_all()?.to_scalar::<f32>()?, 0.0, "{rows} rows, {dtype:?}");
        }
        let short = Linear::new(Weight::from_tensor(&weight)?, Some(bias.narrow(0, 0, 3)?), Products::Exact);
        assert!(short.forward(&Tensor::zeros((1, input), DType::F32, &Device::Cpu)?).is_err());
        Ok(())
    }
}
