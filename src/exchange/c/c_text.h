// Names, texts and numbers as C99 writes them, whatever they hold.
#pragma once

#include <string>
#include <string_view>

namespace riffle {

/// A C string literal with its quotes: what is not printable ASCII in octal, and no trigraph or quote takes effect.
std::string CString(std::string_view text);

/// `text` for a comment: letters, digits, spaces and . _ - + , : ( ) as they are, anything else as '_'.
std::string CComment(std::string_view text);

/// The nearest identifier: letters, digits and underscores, a letter first; "network" for an empty text.
std::string CIdentifier(std::string_view text);

/// An identifier in capital letters, as macros have them.
std::string CMacro(std::string_view identifier);

/// Whether `text` is an identifier that a program may use: as CIdentifier makes them, and at most 60 characters long.
bool IsCIdentifier(std::string_view text);

/// A float literal that a compiler reads back to the same bits. REQUIRES: the value is finite.
std::string CFloat(float value);

}  // namespace riffle
