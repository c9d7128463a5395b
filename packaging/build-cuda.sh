#!/usr/bin/env bash
# Builds the program for NVIDIA's devices where there is neither such a device nor the CUDA toolkit: the compiler and the libraries
# to link against come as Python packages, several hundred megabytes. It compiles and links; whether it computes what it should has
# to be seen where there is a device:
#
#   bash packaging/build-cuda.sh            a release build, into target/cuda
#   bash packaging/build-cuda.sh --debug    a quicker one, to see that it compiles and links
#
# What such a build needs to start is in packaging/README.md. CUDA_COMPUTE_CAP is the generation of devices (80: A100, 86: RTX 30,
# 89: RTX 40, 90: H100); kernels for an older one run on newer ones.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=(--release)
[ "${1:-}" != --debug ] || profile=()
command -v python3 >/dev/null || { echo "python3 was not found, and brings the CUDA packages"; exit 1; }
command -v cc >/dev/null || { echo "a C compiler (cc) was not found, and nvcc needs one"; exit 1; }

folder=$PWD/target/cuda
packages=$folder/packages
if [ ! -f "$packages/complete" ]; then
    rm -rf "$packages"
    python3 -m venv "$folder/pip"
    "$folder/pip/bin/pip" install --quiet --no-deps --only-binary :all: --target "$packages" \
        nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-cccl==13.0.85 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.0.2.14 nvidia-curand==10.4.0.35
    touch "$packages/complete"
fi
toolkit=$packages/nvidia/cu13
[ -x "$toolkit/bin/nvcc" ] || { echo "$toolkit/bin/nvcc is not there: the packages lie otherwise than expected"; exit 1; }

# What the linker looks for: a folder lib64, names without versions, and the driver's library, which comes with the driver alone. A
# stand-in has its names, from its header, and none of its functions; the linker only notes that libcuda.so.1 is wanted.
[ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
for library in "$toolkit"/lib/lib*.so.*; do
    plain=${library%%.so.*}.so
    [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
done
mkdir -p "$toolkit/lib64/stubs"
grep -ohE '\bcu[A-Z][A-Za-z0-9_]*\b' "$toolkit/include/cuda.h" | sort -u | sed 's/.*/void &(void) {}/' >"$folder/stub.c"
cc -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$toolkit/lib64/stubs/libcuda.so" "$folder/stub.c"

export CUDA_HOME=$toolkit CUDA_PATH=$toolkit CUDA_ROOT=$toolkit CUDA_TOOLKIT_ROOT_DIR=$toolkit NVCC=$toolkit/bin/nvcc
export PATH=$toolkit/bin:$PATH
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80} CUDARC_CUDA_VERSION=${CUDARC_CUDA_VERSION:-13000}
export LIBRARY_PATH=$toolkit/lib64:$toolkit/lib64/stubs${LIBRARY_PATH:+:$LIBRARY_PATH}
cargo build --locked "${profile[@]}" -p opabinia --features cuda --target-dir "$folder"
program=$folder/$([ ${#profile[@]} -gt 0 ] && echo release || echo debug)/opabinia
echo "built: ${program#"$PWD/"}"
if command -v readelf >/dev/null; then
    echo "it needs, besides the system's own:"
    readelf -d "$program" | sed -n 's/.*NEEDED.*\[\(libcu.*\)\]/  \1/p'
fi
