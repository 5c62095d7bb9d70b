# SPDX-License-Identifier: Apache-2.0
"""What tools/zoo_peers reads: assembly as the drivers print it, IREE's listings, ggml's sources."""

import importlib.machinery
import importlib.util
import pathlib
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parent.parent / "tools"
sys.path.insert(0, str(TOOLS))

import zoo_cycles  # noqa: E402


@pytest.fixture(scope="module")
def peers():
    loader = importlib.machinery.SourceFileLoader("zoo_peers", str(TOOLS / "zoo_peers"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("zoo_peers", loader))
    loader.exec_module(module)
    return module


AMD = """BB0:
	s_mov_b32 s0, 0                                             ; be800080
	global_load_b128 v[0:3], v4, s[2:3]                         ; dc5e0000 0c020008
BB1:
	ds_load_b64 v[8:9], v5                                      ; d9d80000
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	v_fmac_f32_e32 v0, v8, v9                                   ; 56001308
	v_dual_fmac_f32 v1, v8, v9 :: v_dual_add_f32 v2, v8, v9     ; c8001308
BB2:
	v_rcp_f32_e32 v6, v7                                        ; 7e0c5507
	s_cbranch_scc1 BB2                                          ; bfa2fffe
	s_cbranch_scc0 BB1                                          ; bfa1fffa
	s_endpgm                                                    ; bfb00000
"""


def test_amd_loops_are_found_and_weighted_by_their_work():
    machine = zoo_cycles.Machine("navi31", 64)
    root = zoo_cycles.parse(AMD, machine)
    assert len(root.inner) == 1 and len(root.inner[0].inner) == 1
    # Of a wave of 64 both halves of a sum run at once; 64 lanes read 8 bytes each at 64 bytes a cycle.
    assert root.inner[0].own.units == {"shared": 8, "vector": 3, "scalar": 1}
    assert root.inner[0].own.multiply_adds == 2
    assert root.inner[0].inner[0].own.units == {"vector": 2, "special": 8, "scalar": 1}
    assert root.own.bytes_read == 16
    # 10 waves x 64 lanes x 2 multiply-adds x 50 times.
    found = zoo_cycles.estimate(AMD, machine, 10, ("multiply_adds", 10 * 64 * 2 * 50), {"0.0": 3})
    assert found["trips"] == {"0": 50, "0.0": 3} and found["unknown"] == []
    assert found["units"]["vector"] == 10 * 50 * (3 + 3 * 2)
    assert found["unit"] == "special" and found["cycles"] == 10 * 50 * 3 * 8


def test_trips_that_nothing_tells_are_named():
    found = zoo_cycles.estimate(AMD, zoo_cycles.Machine("navi31", 64), 1)
    assert found["unknown"] == ["0", "0.0"]


def test_each_loop_over_memory_passes_over_all_of_it():
    loop = "BB{0}:\n\tglobal_load_b32 v0, v1, s[2:3] ; 0\n\ts_cbranch_scc1 BB{0} ; 0\n"
    found = zoo_cycles.estimate(loop.format(1) + loop.format(2), zoo_cycles.Machine("vega10", 64), 2,
                                ("bytes_read", 2 * 64 * 4 * 7))
    assert found["trips"] == {"0": 7, "1": 7}


def test_a_loop_over_what_is_left_counts_once():
    loop = "BB{0}:\n" + "{1}\ts_cbranch_scc1 BB{0} ; 0\n"
    text = loop.format(1, "\tv_fmac_f32_e32 v0, v1, v2 ; 0\n" * 4) + loop.format(2, "\tv_fmac_f32_e32 v0, v1, v2 ; 0\n")
    found = zoo_cycles.estimate(text, zoo_cycles.Machine("navi21", 32), 1, ("multiply_adds", 32 * 41))
    assert found["trips"] == {"0": 10, "1": 1}


@pytest.mark.parametrize("gpu, text, cycles", [
    ("polaris10", "v_fma_f32 v0, v1, v2, v3", 16), ("polaris10", "v_mac_f32_e32 v0, v1, v2", 4), ("vega10", "v_fma_f32 v0, v1, v2, v3", 4),
    ("navi31", "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", 32), ("navi21", "v_mul_lo_u32 v0, v1, v2", 8),
    ("navi21", "v_fmac_f32_e32 v0, v1, v2", 2), ("navi31", "v_fmac_f32_e32 v0, v1, v2", 1), ("navi31", "v_add_f32_dpp v0, v1, v2", 2),
    ("gfx1201", "v_wmma_f32_16x16x16_f16 v[0:7], v[8:11], v[16:19], v[0:7]", 16)])
def test_amd_instructions(gpu, text, cycles):
    assert zoo_cycles.amd_cost(text, zoo_cycles.Machine(gpu, 64)).units["vector"] == cycles


def test_a_product_and_a_sum_are_a_multiply_add_where_none_is_fused():
    text = "BB0:\n\tv_mul_f32_e32 v0, v1, v2 ; 0\n\tv_add_f32_e32 v3, v3, v0 ; 0\n\ts_cbranch_scc1 BB0 ; 0\n"
    found = zoo_cycles.estimate(text, zoo_cycles.Machine("vega10", 64), 1, ("multiply_adds", 64 * 5))
    assert found["trips"] == {"0": 5} and found["cycles"] == 5 * 8


INTEL = """mov(16)         g2<1>UD         0x00000000UD                    { align1 1H };

LABEL0:
mad(16)         g116<1>F        g8<8,8,1>F      g10<8,8,1>F     g12<1,1,1>F { align1 1H F@1 };
sync nop(1)                     null<0,1,0>UB                   { align1 WE_all 1N I@1 };
send(16)        g90UD           g88UD           nullUD          0x04200500                0x00000000
                slm MsgDesc: ( load, a32, d32, V1, L1STATE_L3MOCS dst_len = 2, src0_len = 2, src1_len = 0 flat )  base_offset 0  { align1 1H $2 };
while(16)       JIP:  LABEL0                                    { align1 1H };
send(16)        nullUD          g95UD           g90UD           0x08000584                0x00000080
                ugm MsgDesc: ( store, a64, d32, V1, L1STATE_L3MOCS dst_len = 0, src0_len = 4, src1_len = 2 flat )  base_offset 0  { align1 1H $2 };
"""


@pytest.mark.parametrize("gpu, once, shared", [("dg2", 2, 8), ("bmg", 1, 8)])
def test_intel_loops_and_messages(gpu, once, shared):
    machine = zoo_cycles.Machine(gpu, 16)
    loop = zoo_cycles.parse(INTEL, machine).inner[0]
    assert loop.own.units == {"vector": once, "shared": shared, "scalar": 1}
    assert loop.own.multiply_adds == 1
    found = zoo_cycles.estimate(INTEL, machine, 3, ("multiply_adds", 3 * 16 * 9))
    assert found["trips"] == {"0": 9} and found["unit"] == "shared"


def test_irees_dispatches_are_read_in_their_order(peers):
    text = """hal.executable.export public @b ordinal(0) layout(x) count(%arg0: !hal.device) -> (index, index, index) {
        %c64 = arith.constant 64 : index
        %c1 = arith.constant 1 : index
        hal.return %c64, %c64, %c1 : index, index, index
      } <workgroup_size = [16 : index, 8 : index, 1 : index], subgroup_size = 32>
      hal.executable.export public @a ordinal(0) layout(x) count(%arg0: !hal.device) -> (index, index, index) {
        %c3 = arith.constant 3 : index
        hal.return %c3, %c3, %c3 : index, index, index
      } <workgroup_size = [32 : index, 1 : index, 1 : index]>
      stream.cmd.dispatch @x::@vulkan_spirv_fb::@a {
      stream.cmd.dispatch @y::@vulkan_spirv_fb::@b {
"""
    assert peers.iree_dispatches(text) == [{"name": "a", "workgroups": 27, "workgroup": 32, "subgroup": 0},
                                           {"name": "b", "workgroups": 4096, "workgroup": 128, "subgroup": 32}]


def test_push_constants_become_constants(peers):
    text = "layout (push_constant) uniform parameter\n{\n    uint M; // rows\n    float scale;\n#ifdef MUL_MAT_ID\n    uint nei0;\n" \
           "#else\n    int pad, k_split;\n#endif\n} p;\nvoid main() {}\n"
    made = peers.with_sizes(text, {"M": 7, "scale": 0.5, "k_split": 3})
    assert "push_constant" not in made and "nei0" not in made
    assert "const Sizes p = Sizes(uint(7u), float(0.5), int(0), int(3));" in made
    assert made.endswith("void main() {}\n")


def test_the_table_compares_with_the_best_that_sums_alike(peers):
    def kernel(peer, group, text):
        return (peer, group), [({"peer": peer, "operation": "matmul_f16", "text": text}, estimates[peer])]

    estimates = {peer: {"cycles": cycles * 4096**2, "spills": 0} for peer, cycles in (("ours", 60), ("iree", 30), ("ggml", 50))}
    rows = dict([kernel("ours", "", ""), kernel("iree", "x", "v_pk_fma_f16 v0, v1, v2, v3"), kernel("ggml", "y", "")])
    assert peers.table_line("navi21", "matmul_f16", rows) == "| matmul_f16 | navi21 | 60 | 30* | 50 | - | - | 1.20 | 1.20 | 0/0/0/0 |"
