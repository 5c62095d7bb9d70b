// SPDX-License-Identifier: Apache-2.0
// The text form of the tensor IR, for tests, dumps and messages. Print and Parse are declared in ir.h. Source locations
// are left out; everything else survives a round trip. Whitespace and `// comments` separate tokens and mean nothing.
//
//   module     := "module" "@" name attributes? function*
//   function   := "func" "public"? "@" name "(" parameters ")" ("in" "[" integers "]")? block    results' MemorySpace
//   parameters := (value ":" type attributes? ("," ...)*)?        attributes: aliased_output, is_donor, is_random_seed
//   block      := "{" op* "}"                                     the last op is "return"
//   op         := (value ("," value)* "=")? op-name "(" (value ("," value)*)? ")" attributes? (":" type ("," type)*)?
//   region* region     := "(" parameters ")" block attributes := "{" (name "=" attribute ("," ...)*)? "}" attribute  :=
//   integer | "[" integers "]" | "\"" text "\"" | literal literal    := "dense" "<" (element | "[" elements "]" | "\""
//   hexadecimal bytes of all elements "\"") ">" element    := "true" | "false" | number | "0x" bits | "(" number ","
//   number ")" type       := "tensor" "<" (extent "x")* dtype ">" | "token"
//
// A name may hold letters, digits and any of "_.$-<>"; otherwise it is quoted. Values are named "%" and a name, unique
// in their function; the printer numbers them. A literal has the type of the op's result; one element alone is a splat.
//
//   %4 = reduce(%0, %3) {dimensions = [0]} : tensor<3xf32> (%5: tensor<f32>, %6: tensor<f32>) {
//     %7 = add(%5, %6) : tensor<f32>
//     return(%7)
//   }
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "ir/ir.h"

namespace dragoman::ir {

// "dense<...>"; at most `max_elements` are spelled in decimal, more become hexadecimal bytes.
std::string PrintLiteral(const Literal& literal, int64_t max_elements = 16);
// `text` between "<" and ">".
StatusOr<Literal> ParseLiteral(std::string_view text, const TensorType& type);
StatusOr<TensorType> ParseType(std::string_view text);

}  // namespace dragoman::ir
