# The commands of the README. CMake does the building; see CMakePresets.json for the presets.
PRESET ?= release
JOBS ?= $(shell nproc)

.PHONY: quickstart build test package format lint clean

quickstart:           ## install what is missing, build, train on 60,000 real pictures, validate, predict
	@scripts/install-dependencies run
	@cmake --preset $(PRESET) -DRIFFLE_BUILD_TESTS=OFF $(CMAKE_FLAGS) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target riffle
	@scripts/quickstart build/$(PRESET)/bin/riffle

build:                ## the binary, build/release/bin/riffle, and the library; then cmake --install build/release
	@scripts/install-dependencies run
	cmake --preset $(PRESET) -DRIFFLE_BUILD_TESTS=OFF $(CMAKE_FLAGS)
	cmake --build --preset $(PRESET) -j $(JOBS)
	@if command -v nvcc >/dev/null; then echo "For graphics cards: cmake --preset cuda && cmake --build --preset cuda (docs/gpu.md)"; fi

test:                 ## install what is missing, build, run all tests
	@scripts/install-dependencies test
	@scripts/peers-venv onnxruntime || echo "Without ONNX Runtime the tests that run exported networks in it are skipped"
	cmake --preset $(PRESET) -DRIFFLE_BUILD_TESTS=ON $(CMAKE_FLAGS)
	cmake --build --preset $(PRESET) -j $(JOBS)
	ctest --preset $(PRESET) -j $(JOBS)

package:              ## a .deb and a tarball in build/package, for this Debian: program, library, headers, manual, completions
	@scripts/install-dependencies package
	cmake --preset $(PRESET) -B build/package -DCMAKE_INSTALL_PREFIX=/usr -DRIFFLE_BUILD_TESTS=OFF $(CMAKE_FLAGS)
	cmake --build build/package -j $(JOBS)
	cd build/package && cpack

format:               ## rewrites the sources as .clang-format says
	git ls-files '*.cc' '*.h' '*.cu' | xargs clang-format -i

lint:                 ## fails if the format differs or clang-tidy finds something
	scripts/lint build/$(PRESET)

clean:
	rm -rf build
