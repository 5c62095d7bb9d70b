module @jit_train_step attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<4x8xf32> {tf.aliasing_output = 1 : i32}, %arg1: tensor<8xf32> {tf.aliasing_output = 2 : i32}, %arg2: tensor<8x2xf32> {tf.aliasing_output = 3 : i32}, %arg3: tensor<2xf32> {tf.aliasing_output = 4 : i32}, %arg4: tensor<i32> {tf.aliasing_output = 5 : i32}, %arg5: tensor<f32> {tf.aliasing_output = 0 : i32}, %arg6: tensor<f32> {tf.aliasing_output = 6 : i32}, %arg7: tensor<f32> {tf.aliasing_output = 7 : i32}, %arg8: tensor<16x4xf32>, %arg9: tensor<16x2xf32>) -> (tensor<f32> {jax.result_info = "result[0]['loss']"}, tensor<4x8xf32> {jax.result_info = "result[1][0][0]"}, tensor<8xf32> {jax.result_info = "result[1][0][1]"}, tensor<8x2xf32> {jax.result_info = "result[1][0][2]"}, tensor<2xf32> {jax.result_info = "result[1][0][3]"}, tensor<i32> {jax.result_info = "result[1][2][0]"}, tensor<f32> {jax.result_info = "result[1][2][1]"}, tensor<f32> {jax.result_info = "result[1][3][0]"}, tensor<f32> {jax.result_info = "result[1][3][1]"}) {
    %cst = stablehlo.constant dense<1.600000e+01> : tensor<f32>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %c_1 = stablehlo.constant dense<1> : tensor<i32>
    %cst_2 = stablehlo.constant dense<2.000000e+00> : tensor<f32>
    %cst_3 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %c_4 = stablehlo.constant dense<16> : tensor<1xi32>
    %0 = stablehlo.dot_general %arg8, %arg0, contracting_dims = [1] x [0] : (tensor<16x4xf32>, tensor<4x8xf32>) -> tensor<16x8xf32>
    %1 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<8xf32>) -> tensor<1x8xf32>
    %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<1x8xf32>) -> tensor<16x8xf32>
    %3 = stablehlo.add %0, %2 : tensor<16x8xf32>
    %4 = call @relu(%3) : (tensor<16x8xf32>) -> tensor<16x8xf32>
    %5 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<16x8xf32>
    %6 = stablehlo.compare GT, %3, %5, FLOAT : (tensor<16x8xf32>, tensor<16x8xf32>) -> tensor<16x8xi1>
    %7 = stablehlo.dot_general %4, %arg2, contracting_dims = [1] x [0] : (tensor<16x8xf32>, tensor<8x2xf32>) -> tensor<16x2xf32>
    %8 = stablehlo.broadcast_in_dim %arg3, dims = [1] : (tensor<2xf32>) -> tensor<1x2xf32>
    %9 = stablehlo.broadcast_in_dim %8, dims = [0, 1] : (tensor<1x2xf32>) -> tensor<16x2xf32>
    %10 = stablehlo.add %7, %9 : tensor<16x2xf32>
    %11 = stablehlo.subtract %arg9, %10 : tensor<16x2xf32>
    %12 = stablehlo.multiply %11, %11 : tensor<16x2xf32>
    %13 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<16x2xf32>
    %14 = stablehlo.multiply %13, %11 : tensor<16x2xf32>
    %15 = stablehlo.reduce(%12 init: %cst_3) applies stablehlo.add across dimensions = [1] : (tensor<16x2xf32>, tensor<f32>) -> tensor<16xf32>
    %16 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<16xf32>
    %17 = stablehlo.divide %15, %16 : tensor<16xf32>
    %18 = stablehlo.reduce(%17 init: %cst_3) applies stablehlo.add across dimensions = [0] : (tensor<16xf32>, tensor<f32>) -> tensor<f32>
    %19 = stablehlo.reduce(%c_4 init: %c_1) applies stablehlo.multiply across dimensions = [0] : (tensor<1xi32>, tensor<i32>) -> tensor<i32>
    %20 = stablehlo.convert %19 : (tensor<i32>) -> tensor<f32>
    %21 = stablehlo.compare EQ, %20, %cst_3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %22 = call @_where(%21, %c_1, %20) : (tensor<i1>, tensor<i32>, tensor<f32>) -> tensor<f32>
    %23 = stablehlo.compare EQ, %20, %cst_3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %24 = stablehlo.divide %18, %22 : tensor<f32>
    %25 = call @_where_0(%23, %c, %24) : (tensor<i1>, tensor<i32>, tensor<f32>) -> tensor<f32>
    %26 = call @_where_1(%23, %cst_0) : (tensor<i1>, tensor<f32>) -> tensor<f32>
    %27 = stablehlo.divide %26, %22 : tensor<f32>
    %28 = stablehlo.broadcast_in_dim %27, dims = [] : (tensor<f32>) -> tensor<16xf32>
    %29 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<16xf32>
    %30 = stablehlo.divide %28, %29 : tensor<16xf32>
    %31 = stablehlo.broadcast_in_dim %30, dims = [0] : (tensor<16xf32>) -> tensor<16x2xf32>
    %32 = stablehlo.multiply %31, %14 : tensor<16x2xf32>
    %33 = stablehlo.negate %32 : tensor<16x2xf32>
    %34 = stablehlo.reduce(%33 init: %cst_3) applies stablehlo.add across dimensions = [0] : (tensor<16x2xf32>, tensor<f32>) -> tensor<2xf32>
    %35 = stablehlo.reshape %34 : (tensor<2xf32>) -> tensor<1x2xf32>
    %36 = stablehlo.reduce(%35 init: %cst_3) applies stablehlo.add across dimensions = [0] : (tensor<1x2xf32>, tensor<f32>) -> tensor<2xf32>
    %37 = stablehlo.dot_general %33, %4, contracting_dims = [0] x [0] : (tensor<16x2xf32>, tensor<16x8xf32>) -> tensor<2x8xf32>
    %38 = stablehlo.transpose %37, dims = [1, 0] : (tensor<2x8xf32>) -> tensor<8x2xf32>
    %39 = stablehlo.dot_general %33, %arg2, contracting_dims = [1] x [1] : (tensor<16x2xf32>, tensor<8x2xf32>) -> tensor<16x8xf32>
    %40 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<16x8xf32>
    %41 = stablehlo.select %6, %39, %40 : tensor<16x8xi1>, tensor<16x8xf32>
    %42 = stablehlo.reduce(%41 init: %cst_3) applies stablehlo.add across dimensions = [0] : (tensor<16x8xf32>, tensor<f32>) -> tensor<8xf32>
    %43 = stablehlo.reshape %42 : (tensor<8xf32>) -> tensor<1x8xf32>
    %44 = stablehlo.reduce(%43 init: %cst_3) applies stablehlo.add across dimensions = [0] : (tensor<1x8xf32>, tensor<f32>) -> tensor<8xf32>
    %45 = stablehlo.dot_general %41, %arg8, contracting_dims = [0] x [0] : (tensor<16x8xf32>, tensor<16x4xf32>) -> tensor<8x4xf32>
    %46 = stablehlo.transpose %45, dims = [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
    %47 = stablehlo.broadcast_in_dim %arg5, dims = [] : (tensor<f32>) -> tensor<4x8xf32>
    %48 = stablehlo.multiply %46, %47 : tensor<4x8xf32>
    %49 = stablehlo.subtract %arg0, %48 : tensor<4x8xf32>
    %50 = stablehlo.broadcast_in_dim %arg5, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %51 = stablehlo.multiply %44, %50 : tensor<8xf32>
    %52 = stablehlo.subtract %arg1, %51 : tensor<8xf32>
    %53 = stablehlo.broadcast_in_dim %arg5, dims = [] : (tensor<f32>) -> tensor<8x2xf32>
    %54 = stablehlo.multiply %38, %53 : tensor<8x2xf32>
    %55 = stablehlo.subtract %arg2, %54 : tensor<8x2xf32>
    %56 = stablehlo.broadcast_in_dim %arg5, dims = [] : (tensor<f32>) -> tensor<2xf32>
    %57 = stablehlo.multiply %36, %56 : tensor<2xf32>
    %58 = stablehlo.subtract %arg3, %57 : tensor<2xf32>
    %59 = stablehlo.add %arg4, %c_1 : tensor<i32>
    %60 = stablehlo.multiply %25, %cst : tensor<f32>
    %61 = stablehlo.reduce(%60 init: %cst_3) applies stablehlo.add across dimensions = [] : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %62 = stablehlo.add %arg6, %61 : tensor<f32>
    %63 = stablehlo.reduce(%cst init: %cst_3) applies stablehlo.add across dimensions = [] : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %64 = stablehlo.add %arg7, %63 : tensor<f32>
    %65 = stablehlo.compare EQ, %64, %cst_3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %66 = call @_where(%65, %c_1, %64) : (tensor<i1>, tensor<i32>, tensor<f32>) -> tensor<f32>
    %67 = stablehlo.compare EQ, %64, %cst_3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %68 = stablehlo.divide %62, %66 : tensor<f32>
    %69 = call @_where(%67, %c, %68) : (tensor<i1>, tensor<i32>, tensor<f32>) -> tensor<f32>
    return %69, %49, %52, %55, %58, %59, %arg5, %62, %64 : tensor<f32>, tensor<4x8xf32>, tensor<8xf32>, tensor<8x2xf32>, tensor<2xf32>, tensor<i32>, tensor<f32>, tensor<f32>, tensor<f32>
  }
  func.func private @relu(%arg0: tensor<16x8xf32>) -> tensor<16x8xf32> {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<16x8xf32>
    %1 = stablehlo.maximum %arg0, %0 : tensor<16x8xf32>
    return %1 : tensor<16x8xf32>
  }
  func.func private @_where(%arg0: tensor<i1>, %arg1: tensor<i32>, %arg2: tensor<f32>) -> tensor<f32> {
    %0 = stablehlo.convert %arg1 : (tensor<i32>) -> tensor<f32>
    %1 = stablehlo.select %arg0, %0, %arg2 : tensor<i1>, tensor<f32>
    return %1 : tensor<f32>
  }
  func.func private @_where_0(%arg0: tensor<i1>, %arg1: tensor<i32>, %arg2: tensor<f32>) -> tensor<f32> {
    %0 = stablehlo.convert %arg1 : (tensor<i32>) -> tensor<f32>
    %1 = stablehlo.select %arg0, %0, %arg2 : tensor<i1>, tensor<f32>
    return %1 : tensor<f32>
  }
  func.func private @_where_1(%arg0: tensor<i1>, %arg1: tensor<f32>) -> tensor<f32> {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %0 = stablehlo.select %arg0, %cst, %arg1 : tensor<i1>, tensor<f32>
    return %0 : tensor<f32>
  }
}
